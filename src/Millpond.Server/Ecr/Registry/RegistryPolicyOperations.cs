using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Registry;

/// <summary>The registry's policy: who of other accounts may what in all of it.</summary>
internal sealed class RegistryPolicyOperations(ControlTables control, Principals principals)
{
    public IEnumerable<AwsOperation> All =>
    [
        new("PutRegistryPolicy", Structure(EcrShapes.PolicyText.Needed("policyText")), PutAsync),
        new("GetRegistryPolicy", Structure(), GetAsync),
        new("DeleteRegistryPolicy", Structure(), DeleteAsync),
    ];

    private async ValueTask<JsonObject> PutAsync(AwsCall call)
    {
        var text = call.Input.Text("policyText");
        if (!PolicyDocument.TryParse(text, PolicyKind.Registry, out _, out var why))
        {
            throw new AwsErrorException(AwsError.InvalidParameter($"Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided' ({why})"));
        }

        await control.Settings.PutAsync(ResourcePolicies.RegistryKind, ResourcePolicies.PolicyName, text, call.Now);
        principals.Forget();
        return Answer(text);
    }

    private async ValueTask<JsonObject> GetAsync(AwsCall call) => Answer(await FindAsync());

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var text = await FindAsync();
        await control.Settings.DeleteAsync(ResourcePolicies.RegistryKind, ResourcePolicies.PolicyName);
        principals.Forget();
        return Answer(text);
    }

    private async Task<string> FindAsync() =>
        (await control.Settings.FindAsync(ResourcePolicies.RegistryKind, ResourcePolicies.PolicyName))?.Value
        ?? throw new AwsErrorException("RegistryPolicyNotFoundException", $"Registry policy does not exist in the registry with id '{principals.Account}'");

    private JsonObject Answer(string text) => new() { ["registryId"] = principals.Account, ["policyText"] = text };
}
