using System.Net;
using Millpond.Server.Access.Policies;
using Millpond.Server.Configuration;

namespace Millpond.Server.Access;

/// <summary>From where somebody asks, for conditions.</summary>
public readonly record struct RequestOrigin(IPAddress? Address, bool IsSecure);

/// <summary>Loads what decides, and has it decided.</summary>
public sealed class Authorizer(EcrConfiguration ecr, ResourcePolicies policies, Func<string, ValueTask<IReadOnlyDictionary<string, string>>> tagsOf)
{
    /// <summary>Asked of the principal's own account, wherever that is: its own policies alone decide.</summary>
    private const string Login = "ecr:GetAuthorizationToken";

    /// <summary>No resource policy can grant it.</summary>
    private const string NewRule = "ecr:CreatePullThroughCacheRule";

    /// <summary>The ARN of a repository.</summary>
    public string ArnOf(string repository) => $"arn:aws:ecr:{ecr.Region}:{ecr.Account}:repository/{repository}";

    /// <param name="repository">Null for an action on the registry.</param>
    public ValueTask<PolicyDecision> DecideAsync(Principal who, string action, string? repository, RequestOrigin from) =>
        DecideAsync(who, action, repository is null ? "*" : ArnOf(repository), repository, from, null);

    /// <param name="resource">The ARN of what is acted on, which need not be a repository.</param>
    /// <param name="requestTags">Tags that the request would set.</param>
    public async ValueTask<PolicyDecision> DecideAsync(
        Principal who, string action, string resource, string? repository, RequestOrigin from, IReadOnlyDictionary<string, string>? requestTags)
    {
        var hung = action is Login or NewRule ? [] : await policies.ForAsync(repository, action);
        var request = new PolicyRequest(who.Arn, action, resource, ecr.Account)
        {
            SourceIp = from.Address,
            SecureTransport = from.IsSecure,
            Region = ecr.Region,
            IsIdentityOnly = action == Login,
        };
        if (requestTags is not null)
        {
            request = request with { RequestTags = requestTags };
        }

        if (repository is not null && (hung.Any(policy => policy.LooksAtResourceTags) || who.Policies.Any(policy => policy.LooksAtResourceTags)))
        {
            request = request with { ResourceTags = await tagsOf(repository) };
        }

        return PolicyEvaluation.Decide(request, who.Policies, hung);
    }
}
