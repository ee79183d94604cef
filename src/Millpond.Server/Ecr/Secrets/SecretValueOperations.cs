using System.Text.Json.Nodes;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>Values of secrets: got, put, and their labels moved.</summary>
internal sealed class SecretValueOperations(SecretFinder secrets, SecretVault vault, SecretVersions versions, ControlTables control)
{
    private static readonly AwsShape Stage = Text(1, 256);

    public IEnumerable<AwsOperation> All =>
    [
        new("GetSecretValue", Structure(SecretShapes.Id, Text(32, 64).As("VersionId"), Stage.As("VersionStage")), GetAsync) { Resources = secrets.Named },
        new(
            "PutSecretValue",
            Structure(SecretShapes.Id, SecretShapes.Token, SecretShapes.String, SecretShapes.Binary, List(Stage, 1, 20).As("VersionStages")),
            PutAsync) { Resources = secrets.Named },
        new("ListSecretVersionIds", Structure(SecretShapes.Id, AwsShape.Boolean.As("IncludeDeprecated"), Number(1, 100).As("MaxResults"), Text(1, 4096).As("NextToken")), ListAsync)
        {
            Resources = secrets.Named,
        },
        new(
            "UpdateSecretVersionStage",
            Structure(SecretShapes.Id, Stage.Needed("VersionStage"), Text(32, 64).As("RemoveFromVersionId"), Text(32, 64).As("MoveToVersionId")),
            MoveAsync) { Resources = secrets.Named },
    ];

    private async ValueTask<JsonObject> GetAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        var (id, stage) = (call.Input.TextOrNull("VersionId"), call.Input.TextOrNull("VersionStage"));
        var wanted = stage ?? (id is null ? SecretVault.Current : null);
        var found = (await control.Secrets.VersionsAsync(secret.Arn))
            .FirstOrDefault(version => (id is null || version.VersionId == id) && (wanted is null || version.Stages.Contains(wanted)))
            ?? throw SecretShapes.NotFound(id is null
                ? $"Secrets Manager can't find the specified secret value for staging label: {wanted}"
                : "Secrets Manager can't find the specified secret value for VersionId.");
        var value = vault.Open(found);
        return new JsonObject { ["ARN"] = secret.Arn, ["Name"] = secret.Name, ["VersionId"] = found.VersionId }
            .With("SecretString", value.Text)
            .With("SecretBinary", value.Bytes is { } bytes ? Convert.ToBase64String(bytes) : null)
            .With("VersionStages", AwsJson.List(found.Stages))
            .With("CreatedDate", AwsJson.Time(found.CreatedAt));
    }

    private async ValueTask<JsonObject> PutAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        var value = SecretShapes.ValueOf(call.Input) ?? throw new AwsErrorException("InvalidParameterException", "You must provide either SecretString or SecretBinary.");
        var stages = call.Input.Texts("VersionStages");
        var added = await versions.AddAsync(
            secret with { ChangedAt = call.Now }, call.Input.TextOrNull("ClientRequestToken") ?? Guid.NewGuid().ToString(), value, stages.Count == 0 ? [SecretVault.Current] : stages);
        return new() { ["ARN"] = secret.Arn, ["Name"] = secret.Name, ["VersionId"] = added.VersionId, ["VersionStages"] = AwsJson.List(added.Stages) };
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var secret = await secrets.GetAsync(call);
        var found = (await control.Secrets.VersionsAsync(secret.Arn)).Where(version => version.Stages.Count > 0 || call.Input.Flag("IncludeDeprecated"));
        return new()
        {
            ["ARN"] = secret.Arn,
            ["Name"] = secret.Name,
            ["Versions"] = AwsJson.List(found.Select(version => new JsonObject { ["VersionId"] = version.VersionId, ["CreatedDate"] = AwsJson.Time(version.CreatedAt) }
                .With("VersionStages", version.Stages.Count == 0 ? null : AwsJson.List(version.Stages)))),
        };
    }

    private async ValueTask<JsonObject> MoveAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        await versions.MoveAsync(
            secret with { ChangedAt = call.Now }, call.Input.Text("VersionStage"), call.Input.TextOrNull("RemoveFromVersionId"), call.Input.TextOrNull("MoveToVersionId"));
        return new() { ["ARN"] = secret.Arn, ["Name"] = secret.Name };
    }
}
