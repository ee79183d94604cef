using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Policies on repositories: who may do what to them.</summary>
internal sealed class RepositoryPolicyOperations(RepositoryFinder repositories, ControlTables control, Authorizer authorizer, Principals principals)
{
    private const string SetAction = "ecr:SetRepositoryPolicy";

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "SetRepositoryPolicy",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.PolicyText.Needed("policyText"), AwsShape.Boolean.As("force")),
            SetAsync) { Resources = repositories.Named },
        new("GetRepositoryPolicy", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName), GetAsync) { Resources = repositories.Named },
        new("DeleteRepositoryPolicy", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName), DeleteAsync) { Resources = repositories.Named },
    ];

    private async ValueTask<JsonObject> SetAsync(AwsCall call)
    {
        var (repository, text) = (await repositories.GetAsync(call), call.Input.Text("policyText"));
        if (!PolicyDocument.TryParse(text, PolicyKind.Repository, out var policy, out var why))
        {
            // Not the text that AWS has for unknown principals alone: Terraform tries that again for minutes.
            throw new AwsErrorException(AwsError.InvalidParameter($"Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy: {why}'"));
        }

        if (!call.Input.Flag("force") && Shuts(call, repository, policy))
        {
            throw new AwsErrorException(AwsError.InvalidParameter(
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'the policy would keep you from setting another; say force to set it all the same'"));
        }

        await control.Settings.PutAsync(ResourcePolicies.RepositoryKind, repository.Name, text, call.Now);
        principals.Forget();
        return Answer(repository, "policyText", text);
    }

    private bool Shuts(AwsCall call, FoundRepository repository, PolicyDocument policy)
    {
        var arn = authorizer.ArnOf(repository.Name);
        var request = new PolicyRequest(call.Caller.Arn, SetAction, arn, principals.Account) { SourceIp = call.Origin.Address, SecureTransport = call.Origin.IsSecure };
        return !PolicyEvaluation.Decide(request, call.Caller.Policies, ImmutableArray.Create(policy)).IsAllowed;
    }

    private async ValueTask<JsonObject> GetAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        return Answer(repository, "policyText", await FindAsync(repository));
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var text = await FindAsync(repository);
        await control.Settings.DeleteAsync(ResourcePolicies.RepositoryKind, repository.Name);
        principals.Forget();
        return Answer(repository, "policyText", text);
    }

    private async Task<string> FindAsync(FoundRepository repository) =>
        (await control.Settings.FindAsync(ResourcePolicies.RepositoryKind, repository.Name))?.Value
        ?? throw new AwsErrorException(
            "RepositoryPolicyNotFoundException",
            $"Repository policy does not exist for the repository with name '{repository.Name}' in the registry with id '{principals.Account}'");

    private JsonObject Answer(FoundRepository repository, string member, string text) =>
        new() { ["registryId"] = principals.Account, ["repositoryName"] = repository.Name, [member] = text };
}
