using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Cli.Access;

namespace Millpond.Cli;

/// <summary><c>millpond pin</c>: which images a running server never evicts.</summary>
internal static class PinCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(Streams streams, TimeProvider time) => new("pin", "Keep images of a running server from being evicted.")
    {
        Add(streams, time),
        Remove(streams, time),
        List(streams, time),
    };

    private static Command Add(Streams streams, TimeProvider time)
    {
        var pattern = Pattern();
        return new AccessOptions().Runs(new("add", "Keep images that are there and that will come.") { pattern }, streams, time, async (client, arguments, cancellationToken) =>
        {
            var answer = await client.CallAsync("AddPin", new() { ["pattern"] = arguments.GetRequiredValue(pattern) }, cancellationToken);
            return $"{(long)answer["imagesPinned"]!} images are pinned now.\n";
        });
    }

    private static Command Remove(Streams streams, TimeProvider time)
    {
        var pattern = Pattern();
        return new AccessOptions().Runs(new("remove", "Let images be evicted again.") { pattern }, streams, time, async (client, arguments, cancellationToken) =>
        {
            await client.CallAsync("RemovePin", new() { ["pattern"] = arguments.GetRequiredValue(pattern) }, cancellationToken);
            return "";
        });
    }

    private static Command List(Streams streams, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "As JSON." };
        return new AccessOptions().Runs(new("list", "List what is pinned.") { json }, streams, time, async (client, arguments, cancellationToken) =>
        {
            var answer = await client.CallAsync("ListPins", [], cancellationToken);
            return arguments.GetValue(json) ? answer.ToJsonString(Indented) + "\n" : string.Concat(answer["pins"]!.AsArray().Select(Describe));
        });
    }

    private static string Describe(JsonNode? pin)
    {
        var since = DateTimeOffset.FromUnixTimeMilliseconds((long)((decimal)pin!["createdAt"]! * 1000));
        return string.Create(CultureInfo.InvariantCulture, $"{(string)pin["pattern"]!} since {since:yyyy-MM-dd HH:mm'Z'}\n");
    }

    private static Argument<string> Pattern() => new("PATTERN")
    {
        Description = "A repository as it is called there, or a glob (* within a part of the name, ** across), with :TAG, a glob of tags, @DIGEST, or nothing for all its images; such as 'quay/prometheus/*:v2*'.",
    };
}
