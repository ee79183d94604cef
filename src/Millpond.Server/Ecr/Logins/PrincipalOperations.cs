using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Logins;

/// <summary>Who may log in, and what he may: our own operations, behind <c>millpond access</c>.</summary>
internal sealed class PrincipalOperations(Principals principals, ControlTables control)
{
    private const long LongestLifetime = 36 * 60 * 60;
    private const string DocumentName = "document";

    private static readonly AwsMember Arn = Text(20, 512).Needed("arn");

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "CreatePrincipal",
            Structure(Arn, List(Text(1, 10240), 1, 10).Needed("policies"), Number(60, LongestLifetime).As("lifetimeSeconds")),
            CreateAsync) { Resources = Named, Note = "A policy is a managed one's name or a document." },
        new("ListPrincipals", Structure(EcrShapes.NextToken, EcrShapes.MaxResults), ListAsync),
        new("RotateAccessKey", Structure(Arn), RotateAsync) { Resources = Named },
        new("DeletePrincipal", Structure(Arn), DeleteAsync) { Resources = Named },
        new("DeleteAccessKey", Structure(Arn, Text(16, 128).Needed("accessKeyId")), DeleteKeyAsync) { Resources = Named },
    ];

    private static IEnumerable<AwsResource> Named(AwsCall call) => [new(call.Input.Text("arn"), null)];

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var arn = Parse(call);
        if (arn.IsRoot)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("An account's root is made by nobody: the registry's own has its key from the first start."));
        }

        var lifetime = call.Input.NumberOrNull("lifetimeSeconds") is { } seconds ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
        return Answer(await principals.CreateAsync(arn, [.. Policies(call.Input.Texts("policies"))], lifetime));
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var page = AwsPage.Of(call.Input);
        var found = await control.Access.ListPrincipalsAsync(page.After, page.Limit + 1);
        var listed = new List<JsonObject>();
        foreach (var principal in found.Take(page.Limit))
        {
            listed.Add(new JsonObject
            {
                ["arn"] = principal.Arn,
                ["createdAt"] = AwsJson.Time(principal.CreatedAt),
                ["policies"] = AwsJson.List(principal.Policies.Select(policy => policy.Document ?? policy.Name)),
                ["accessKeys"] = AwsJson.List((await control.Access.ListKeysAsync(principal.Arn)).Select(key => new JsonObject
                {
                    ["accessKeyId"] = key.Id,
                    ["createdAt"] = AwsJson.Time(key.CreatedAt),
                }.With("expiresAt", key.ExpiresAt is { } at ? AwsJson.Time(at) : null))),
            });
        }

        return new JsonObject { ["principals"] = AwsJson.List(listed) }.With("nextToken", page.Next(found.Count, index => found[index].Arn));
    }

    private async ValueTask<JsonObject> RotateAsync(AwsCall call) => Answer(await principals.RotateAsync(await ExistingAsync(call)));

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var arn = await ExistingAsync(call);
        if (Parse(call).IsRoot)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("The root of the registry's account stays; rotate its key instead."));
        }

        await principals.DeleteAsync(arn);
        return new() { ["arn"] = arn };
    }

    private async ValueTask<JsonObject> DeleteKeyAsync(AwsCall call)
    {
        var (arn, id) = (await ExistingAsync(call), call.Input.Text("accessKeyId"));
        var keys = await control.Access.ListKeysAsync(arn);
        if (!keys.Any(key => key.Id == id))
        {
            throw new AwsErrorException("AccessKeyNotFoundException", "The principal has no such access key.");
        }

        if (keys.Count == 1 && Parse(call).IsRoot)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("That is the last key of the root; rotate it instead."));
        }

        await principals.DeleteKeyAsync(arn, id);
        return new() { ["arn"] = arn, ["accessKeyId"] = id };
    }

    private async Task<string> ExistingAsync(AwsCall call)
    {
        var arn = Parse(call).Text;
        return await principals.FindAsync(arn) is not null ? arn : throw new AwsErrorException("PrincipalNotFoundException", $"There is no principal {arn}.");
    }

    private static PrincipalArn Parse(AwsCall call) => PrincipalArn.TryParse(call.Input.Text("arn"), out var arn)
        ? arn
        : throw new AwsErrorException(AwsError.InvalidParameter("The ARN is none of a user, a role or a session: arn:aws:iam::222233334444:role/eks-node"));

    private static IEnumerable<PolicyRow> Policies(IReadOnlyList<string> written)
    {
        var documents = 0;
        foreach (var policy in written)
        {
            if (ManagedPolicies.NameOf(policy) is { } name)
            {
                yield return new(name, null);
            }
            else if (PolicyDocument.TryParse(policy, PolicyKind.Identity, out _, out var why))
            {
                yield return new($"{DocumentName}-{++documents}", policy);
            }
            else
            {
                throw new AwsErrorException("MalformedPolicyDocumentException", policy.TrimStart().StartsWith('{')
                    ? $"The policy cannot be used: {why}."
                    : $"The policy is neither a document nor one of {string.Join(", ", ManagedPolicies.Names)}.");
            }
        }
    }

    private static JsonObject Answer(NewKey key) => new JsonObject { ["arn"] = key.Arn, ["accessKeyId"] = key.AccessKeyId, ["secretAccessKey"] = key.SecretAccessKey }
        .With("sessionToken", key.SessionToken).With("expiresAt", key.ExpiresAt is { } at ? AwsJson.Time(at) : null);
}
