using System.Globalization;
using System.Text.Json.Nodes;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Repositories;
using Millpond.Server.Lifecycle;
using Millpond.Server.Lifecycle.Expiry;
using Millpond.Server.Lifecycle.Policies;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Lifecycle;

/// <summary>What a policy would do: begun, and asked for until it is complete.</summary>
internal sealed class PreviewOperations(RepositoryFinder repositories, LifecycleOperations policies, LifecycleServices lifecycle, string account)
{
    public IEnumerable<AwsOperation> All =>
    [
        new(
            "StartLifecyclePolicyPreview",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, Text(100, 30720).As("lifecyclePolicyText")),
            StartAsync) { Resources = repositories.Named, Note = "Of the policy alone: what the availability guard would hold is among the results." },
        new(
            "GetLifecyclePolicyPreview",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIds.As("imageIds"), EcrShapes.NextToken, Number(1, 100).As("maxResults"),
                Structure(Choice("TAGGED", "UNTAGGED", "ANY").As("tagStatus")).As("filter")),
            GetAsync) { Resources = repositories.Named, Note = "Results are kept for an hour, and not over a restart." },
    ];

    private async ValueTask<JsonObject> StartAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var text = call.Input.TextOrNull("lifecyclePolicyText") ?? (await policies.FindAsync(repository)).Value;
        var policy = PolicyTexts.Parse(text);
        return lifecycle.Previews.TryStart(repository.At, text, policy)
            ? Answer(repository, text, PreviewStatus.InProgress)
            : throw new AwsErrorException(
                "LifecyclePolicyPreviewInProgressException",
                $"A lifecycle policy preview is already in progress for the repository with name '{repository.Name}' in the registry with id '{account}'");
    }

    private async ValueTask<JsonObject> GetAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var page = AwsPage.Of(call.Input, without: "imageIds");
        var preview = lifecycle.Previews.Find(repository.At) ?? throw new AwsErrorException(
            "LifecyclePolicyPreviewNotFoundException",
            $"Lifecycle policy preview does not exist for the repository with name '{repository.Name}' in the registry with id '{account}'");
        var from = page.After.Length == 0 ? 0 : ReadIndex(page.After);
        var matching = Matching(call.Input, preview).Skip(from);
        List<Mark> found = [.. call.Input.Has("imageIds") ? matching : matching.Take(page.Limit + 1)];
        var isMore = !call.Input.Has("imageIds") && found.Count > page.Limit;
        var shown = isMore ? found[..page.Limit] : found;
        return Answer(repository, preview.Text, preview.Status)
            .With("previewResults", AwsJson.List(shown.Select(Describe)))
            .With("nextToken", isMore ? page.Next(found.Count, last => (from + last + 1).ToString(CultureInfo.InvariantCulture)) : null)
            .With("summary", Summarise(preview));
    }

    private static int ReadIndex(string token) => int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
        ? index
        : throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'"));

    private static IEnumerable<Mark> Matching(AwsInput input, LifecyclePreview preview)
    {
        var status = input.Structure("filter")?.TextOrNull("tagStatus") ?? "ANY";
        var ids = input.Objects("imageIds").Select(id => (Digest: id.TextOrNull("imageDigest"), Tag: id.TextOrNull("imageTag"))).ToList();
        return preview.Results.Where(mark =>
            (status == "ANY" || (status == "TAGGED") == mark.Image.Tags.Count > 0)
            && (ids.Count == 0 || ids.Exists(id =>
                (id.Digest is not null || id.Tag is not null)
                && (id.Digest is null || id.Digest == mark.Image.Digest.ToString()) && (id.Tag is null || mark.Image.Tags.Contains(id.Tag)))));
    }

    private static JsonObject Describe(Mark mark) => new JsonObject()
        .With("imageTags", mark.Image.Tags.Count == 0 ? null : AwsJson.List(mark.Image.Tags))
        .With("imageDigest", mark.Image.Digest.ToString())
        .With("imagePushedAt", AwsJson.Time(DateTimeOffset.FromUnixTimeMilliseconds(mark.Image.PushedAt)))
        .With("action", mark.Rule.Action == LifecycleAction.Expire ? new JsonObject { ["type"] = "EXPIRE" } : new JsonObject { ["type"] = "TRANSITION", ["targetStorageClass"] = "ARCHIVE" })
        .With("appliedRulePriority", mark.Rule.Priority)
        .With("storageClass", mark.Image.IsArchived ? "ARCHIVE" : "STANDARD");

    private static JsonObject Summarise(LifecyclePreview preview) => new()
    {
        ["expiringImageTotalCount"] = preview.Expiring,
        ["transitioningImageTotalCounts"] = preview.Archiving == 0
            ? new JsonArray()
            : new JsonArray(new JsonObject { ["targetStorageClass"] = "ARCHIVE", ["imageTotalCount"] = preview.Archiving }),
    };

    private JsonObject Answer(FoundRepository repository, string text, PreviewStatus status) => new()
    {
        ["registryId"] = account,
        ["repositoryName"] = repository.Name,
        ["lifecyclePolicyText"] = text,
        ["status"] = status switch
        {
            PreviewStatus.InProgress => "IN_PROGRESS",
            PreviewStatus.Complete => "COMPLETE",
            PreviewStatus.Expired => "EXPIRED",
            PreviewStatus.Failed => "FAILED",
        },
    };
}
