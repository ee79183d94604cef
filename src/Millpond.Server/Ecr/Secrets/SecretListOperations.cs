using System.Text.Json.Nodes;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>What is known of secrets, without what they hold.</summary>
internal sealed class SecretListOperations(SecretFinder secrets, ControlTables control, TimeProvider time)
{
    private const int Scanned = 500;

    private static readonly AwsShape Filters = List(
        Structure(
            Choice("description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all").Needed("Key"),
            List(Text(0, 512), 1, 10).Needed("Values")),
        0, 10);

    public IEnumerable<AwsOperation> All =>
    [
        new("DescribeSecret", Structure(SecretShapes.Id), DescribeAsync) { Resources = secrets.Named },
        new(
            "ListSecrets",
            Structure(
                AwsShape.Boolean.As("IncludePlannedDeletion"), Number(1, 100).As("MaxResults"), Text(1, 4096).As("NextToken"), Filters.As("Filters"),
                Choice("asc", "desc").As("SortOrder")),
            ListAsync) { Note = "In the order of names, whatever `SortOrder` says." },
        new("GetResourcePolicy", Structure(SecretShapes.Id), GetPolicyAsync) { Resources = secrets.Named, Note = "Secrets have no policies here." },
    ];

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call)
    {
        var secret = await secrets.GetAsync(call);
        var stages = new JsonObject();
        foreach (var version in (await control.Secrets.VersionsAsync(secret.Arn)).Where(version => version.Stages.Count > 0))
        {
            stages[version.VersionId] = AwsJson.List(version.Stages);
        }

        return Describe(secret, "VersionIdsToStages", stages);
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var limit = (int)(call.Input.NumberOrNull("MaxResults") ?? 100);
        var after = AwsPage.ReadToken(call.Input.TextOrNull("NextToken"));
        var found = new List<SecretRow>();
        for (var rest = true; rest && found.Count <= limit;)
        {
            var rows = await control.Secrets.ListAsync(after, Scanned);
            found.AddRange(rows.Where(secret => IsWanted(secret, call.Input)));
            rest = rows.Count == Scanned;
            after = rows.Count == 0 ? after : rows[^1].Name;
        }

        var listed = new List<JsonObject>();
        foreach (var secret in found.Take(limit))
        {
            var stages = new JsonObject();
            foreach (var version in (await control.Secrets.VersionsAsync(secret.Arn)).Where(version => version.Stages.Count > 0))
            {
                stages[version.VersionId] = AwsJson.List(version.Stages);
            }

            listed.Add(Describe(secret, "SecretVersionsToStages", stages));
        }

        return new JsonObject { ["SecretList"] = AwsJson.List(listed) }
            .With("NextToken", new AwsPage("", limit).Next(found.Count, index => found[index].Name));
    }

    private async ValueTask<JsonObject> GetPolicyAsync(AwsCall call)
    {
        var secret = await secrets.GetAsync(call);
        return new() { ["ARN"] = secret.Arn, ["Name"] = secret.Name };
    }

    private bool IsWanted(SecretRow secret, AwsInput input)
    {
        if (secret.DeletionDate <= time.GetUtcNow() || (secret.DeletedAt is not null && !input.Flag("IncludePlannedDeletion")))
        {
            return false;
        }

        var details = SecretDetails.Of(secret);
        return input.Objects("Filters").All(filter => filter.Texts("Values").Any(value => filter.Text("Key") switch
        {
            "name" => Fits(secret.Name, value, StringComparison.Ordinal),
            "description" => Fits(details.Description ?? "", value, StringComparison.OrdinalIgnoreCase),
            "tag-key" => details.Tags.Keys.Any(key => Fits(key, value, StringComparison.Ordinal)),
            "tag-value" => details.Tags.Values.Any(tag => Fits(tag, value, StringComparison.Ordinal)),
            "all" => Fits(secret.Name, value, StringComparison.OrdinalIgnoreCase) || Fits(details.Description ?? "", value, StringComparison.OrdinalIgnoreCase),
            _ => false,
        }));
    }

    /// <summary>By its beginning, or not where an exclamation mark stands first.</summary>
    private static bool Fits(string text, string value, StringComparison comparison) =>
        value.StartsWith('!') ? !text.StartsWith(value[1..], comparison) : text.StartsWith(value, comparison);

    private static JsonObject Describe(SecretRow secret, string stagesName, JsonObject stages)
    {
        var details = SecretDetails.Of(secret);
        return new JsonObject { ["ARN"] = secret.Arn, ["Name"] = secret.Name }
            .With("Description", details.Description)
            .With("KmsKeyId", details.KmsKeyId)
            .With("LastChangedDate", AwsJson.Time(secret.ChangedAt))
            .With("CreatedDate", AwsJson.Time(secret.CreatedAt))
            .With("DeletedDate", secret.DeletedAt is { } deleted ? AwsJson.Time(deleted) : null)
            .With("Tags", details.ToTags())
            .With(stagesName, stages.Count == 0 ? null : stages);
    }
}
