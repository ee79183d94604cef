using System.Globalization;
using System.Text.Json.Nodes;
using Millpond.Cli.Access;

namespace Millpond.Cli.Lifecycle;

/// <summary>A preview begun, waited for and printed page by page.</summary>
internal static class LifecyclePreview
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <param name="policy">The policy to try; null for the repository's own.</param>
    public static async Task WriteAsync(AccessClient client, string repository, string? policy, Func<string, Task> write, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = new JsonObject { ["repositoryName"] = repository };
        if (policy is not null)
        {
            start["lifecyclePolicyText"] = policy;
        }

        await client.CallEcrAsync("StartLifecyclePolicyPreview", start, cancellationToken);
        for (string? next = null; ;)
        {
            var input = new JsonObject { ["repositoryName"] = repository };
            if (next is not null)
            {
                input["nextToken"] = next;
            }

            var page = await client.CallEcrAsync("GetLifecyclePolicyPreview", input, cancellationToken);
            switch ((string)page["status"]!)
            {
                case "IN_PROGRESS":
                    await Task.Delay(Poll, time, cancellationToken);
                    continue;
                case "COMPLETE":
                    break;
                default:
                    throw new CommandFailedException($"{repository}: the preview has failed; the server's log says why.");
            }

            if (next is null)
            {
                var archiving = page["summary"]!["transitioningImageTotalCounts"]!.AsArray().Sum(count => (int)count!["imageTotalCount"]!);
                await write($"{repository}: {(int)page["summary"]!["expiringImageTotalCount"]!} would expire, {archiving} would be archived\n");
            }

            foreach (var image in page["previewResults"]!.AsArray())
            {
                await write(Describe(image!));
            }

            next = (string?)page["nextToken"];
            if (next is null)
            {
                return;
            }
        }
    }

    private static string Describe(JsonNode image)
    {
        var pushed = DateTimeOffset.FromUnixTimeMilliseconds((long)((decimal)image["imagePushedAt"]! * 1000)).ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
        var tags = image["imageTags"] is JsonArray some ? string.Join(", ", some.Select(tag => (string)tag!)) : "untagged";
        var action = (string)image["action"]!["type"]! == "EXPIRE" ? "expire" : "archive";
        return $"  {action} {(string)image["imageDigest"]!} (rule {(long)image["appliedRulePriority"]!}, since {pushed}): {tags}\n";
    }
}
