using System.Globalization;
using System.Text.Json.Nodes;
using Millpond.Cli.Access;

namespace Millpond.Cli.Lifecycle;

/// <summary>Held images, printed page by page.</summary>
internal static class HeldList
{
    /// <param name="repository">Null for all.</param>
    public static async Task WriteAsync(AccessClient client, string? repository, Func<string, Task> write, CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            var input = new JsonObject();
            if (repository is not null)
            {
                input["repositoryName"] = repository;
            }

            if (next is not null)
            {
                input["nextToken"] = next;
            }

            var page = await client.CallAsync("ListHeldImages", input, cancellationToken);
            foreach (var image in page["heldImages"]!.AsArray())
            {
                await write($"{(string)image!["repositoryName"]!}@{(string)image["imageDigest"]!} since {Time(image["heldSince"]!)} (rule {(long)image["rulePriority"]!}), asked again {Time(image["nextAskedAt"]!)}: {(string)image["reason"]!}\n");
            }

            next = (string?)page["nextToken"];
        }
        while (next is not null);
    }

    private static string Time(JsonNode seconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds((long)((decimal)seconds * 1000)).ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}
