using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Registry;

/// <summary>Settings of the registry: kept and told again; of them the scope of its policy has an effect.</summary>
internal sealed class RegistrySettingOperations(ControlTables control, Principals principals)
{
    private const string Kind = ResourcePolicies.RegistryKind;
    private const string AccountSetting = "account-setting:";
    private const string ScanningName = "scanning";
    private const string ReplicationName = "replication";

    private static readonly Dictionary<string, string[]> AccountSettings = new(StringComparer.Ordinal)
    {
        ["BASIC_SCAN_TYPE_VERSION"] = ["AWS_NATIVE", "CLAIR"],
        ["REGISTRY_POLICY_SCOPE"] = ["V2", "V1"],
        ["BLOB_MOUNTING"] = ["DISABLED", "ENABLED"],
    };

    private static readonly AwsShape RepositoryFilters =
        List(Structure(Text(1, 256, @"[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*").Needed("filter"), Choice("WILDCARD").Needed("filterType")), 0, 100);

    private static readonly AwsShape Replication = Structure(List(
        Structure(
            List(Structure(Text(2, 25, "[0-9a-z-]{2,25}").Needed("region"), Text(pattern: "[0-9]{12}").Needed("registryId")), 0, 100).Needed("destinations"),
            List(Structure(Text(2, 256).Needed("filter"), Choice("PREFIX_MATCH").Needed("filterType")), 1, 100).As("repositoryFilters")),
        0, 10).Needed("rules"));

    public IEnumerable<AwsOperation> All =>
    [
        new("GetAccountSetting", Structure(Text(1, 64).Needed("name")), GetAccountSettingAsync),
        new("PutAccountSetting", Structure(Text(1, 64).Needed("name"), Text(1, 64).Needed("value")), PutAccountSettingAsync)
        {
            Support = AwsSupport.Stored, Note = "`REGISTRY_POLICY_SCOPE` is honoured; `BLOB_MOUNTING` and `BASIC_SCAN_TYPE_VERSION` are kept.",
        },
        new("GetRegistryScanningConfiguration", Structure(), GetScanningAsync) { Support = AwsSupport.Stored, Note = "Nothing is scanned." },
        new(
            "PutRegistryScanningConfiguration",
            Structure(
                Choice("BASIC", "ENHANCED").As("scanType"),
                List(Structure(Choice("SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL").Needed("scanFrequency"), RepositoryFilters.Needed("repositoryFilters")), 0, 2).As("rules")),
            PutScanningAsync) { Support = AwsSupport.Stored, Note = "Nothing is scanned." },
        new("DescribeRegistry", Structure(), DescribeAsync),
        new("PutReplicationConfiguration", Structure(Replication.Needed("replicationConfiguration")), PutReplicationAsync)
        {
            Support = AwsSupport.Stored, Note = "Nothing is replicated.",
        },
    ];

    private async ValueTask<JsonObject> GetAccountSettingAsync(AwsCall call)
    {
        var name = call.Input.Text("name");
        var value = (await control.Settings.FindAsync(Kind, AccountSetting + name))?.Value ?? Choices(name)[0];
        return new() { ["name"] = name, ["value"] = value };
    }

    private async ValueTask<JsonObject> PutAccountSettingAsync(AwsCall call)
    {
        var (name, value) = (call.Input.Text("name"), call.Input.Text("value"));
        if (!Choices(name).Contains(value))
        {
            throw Invalid("value", $"Member must satisfy enum value set: [{string.Join(", ", Choices(name))}]");
        }

        await control.Settings.PutAsync(Kind, AccountSetting + name, value, call.Now);
        principals.Forget();
        return new() { ["name"] = name, ["value"] = value };
    }

    private async ValueTask<JsonObject> GetScanningAsync(AwsCall call) =>
        new() { ["registryId"] = principals.Account, ["scanningConfiguration"] = await ReadAsync(ScanningName) ?? new JsonObject { ["scanType"] = "BASIC", ["rules"] = new JsonArray() } };

    private async ValueTask<JsonObject> PutScanningAsync(AwsCall call)
    {
        var configuration = new JsonObject
        {
            ["scanType"] = call.Input.TextOrNull("scanType") ?? "BASIC",
            ["rules"] = AwsJson.List(call.Input.Objects("rules").Select(rule => new JsonObject
            {
                ["scanFrequency"] = rule.Text("scanFrequency"),
                ["repositoryFilters"] = AwsJson.List(rule.Objects("repositoryFilters").Select(Filter)),
            })),
        };
        await control.Settings.PutAsync(Kind, ScanningName, configuration.ToJsonString(), call.Now);
        return new() { ["registryScanningConfiguration"] = configuration };
    }

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call) => new()
    {
        ["registryId"] = principals.Account,
        ["replicationConfiguration"] = await ReadAsync(ReplicationName) ?? new JsonObject { ["rules"] = new JsonArray() },
    };

    private async ValueTask<JsonObject> PutReplicationAsync(AwsCall call)
    {
        var configuration = new JsonObject
        {
            ["rules"] = AwsJson.List(call.Input.Structure("replicationConfiguration")!.Value.Objects("rules").Select(rule => new JsonObject
            {
                ["destinations"] = AwsJson.List(rule.Objects("destinations").Select(to => new JsonObject { ["region"] = to.Text("region"), ["registryId"] = to.Text("registryId") })),
            }.With("repositoryFilters", rule.Has("repositoryFilters") ? AwsJson.List(rule.Objects("repositoryFilters").Select(Filter)) : null))),
        };
        await control.Settings.PutAsync(Kind, ReplicationName, configuration.ToJsonString(), call.Now);
        return new() { ["replicationConfiguration"] = configuration };
    }

    private static JsonObject Filter(AwsInput filter) => new() { ["filter"] = filter.Text("filter"), ["filterType"] = filter.Text("filterType") };

    private static string[] Choices(string name) =>
        AccountSettings.GetValueOrDefault(name) ?? throw Invalid("name", $"Member must satisfy enum value set: [{string.Join(", ", AccountSettings.Keys)}]");

    private static AwsErrorException Invalid(string member, string constraint) => new(EcrShapes.Invalid(new(member, constraint)));

    private async Task<JsonNode?> ReadAsync(string name) => (await control.Settings.FindAsync(Kind, name)) is { } row ? JsonNode.Parse(row.Value) : null;
}
