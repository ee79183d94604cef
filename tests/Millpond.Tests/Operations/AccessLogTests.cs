using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Server.Operations;

namespace Millpond.Tests.Operations;

public sealed class AccessLogTests
{
    private static readonly AccessEntry Entry = new(
        new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), "GET", "/v2/quay/a/manifests/\"x\"", 200, 1234, TimeSpan.FromMilliseconds(1.5), "hit", "quay", false,
        IPAddress.Loopback, "crane/1\nforged");

    [Fact]
    public async Task A_request_is_one_line_of_json()
    {
        var line = Assert.Single(await WriteAsync(LogFormat.Json, Entry));
        var expected = """
            {"time":"2026-01-02T03:04:05Z","log":"access","method":"GET","path":"/v2/quay/a/manifests/\"x\"","status":200,"bytes":1234,
             "seconds":0.0015,"result":"hit","rule":"quay","client":"127.0.0.1","agent":"crane/1\nforged"}
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(line)), line);
    }

    [Fact]
    public async Task A_request_is_one_line_of_text()
    {
        var forged = Entry with { Path = "/v2/\nforged", IsCut = true, Rule = null };
        Assert.Equal(
            ["2026-01-02T03:04:05.000Z access 127.0.0.1 GET /v2/ forged 200 1234 0.001500 hit - cut"], await WriteAsync(LogFormat.Text, forged));
    }

    [Fact]
    public async Task What_is_longer_than_any_images_path_is_cut()
    {
        var huge = new string('n', 60_000);
        var line = JsonNode.Parse(Assert.Single(await WriteAsync(LogFormat.Json, Entry with { Path = "/v2/" + huge, Agent = huge, Method = huge })))!;
        Assert.Equal(["/v2/" + huge[..796] + "…", huge[..200] + "…", huge[..200] + "…"], new[] { "path", "agent", "method" }.Select(key => (string?)line[key]));
    }

    [Fact]
    public async Task All_lines_come_in_their_order()
    {
        var entries = Enumerable.Range(0, 500).Select(number => Entry with { Bytes = number }).ToArray();
        var lines = await WriteAsync(LogFormat.Json, entries);
        Assert.Equal(Enumerable.Range(0, 500), lines.Select(line => (int)JsonNode.Parse(line)!["bytes"]!));
    }

    [Fact]
    public async Task What_does_not_fit_the_queue_is_counted()
    {
        var lines = await WriteAsync(LogFormat.Json, [.. Enumerable.Repeat(Entry, 40_000)]);
        var dropped = (int)JsonNode.Parse(lines[^1])!["dropped"]!;
        Assert.Equal(40_000, lines.Length - 1 + dropped);
    }

    /// <summary>With a clock that stands still, nothing is written before the end.</summary>
    private static async Task<string[]> WriteAsync(LogFormat format, params AccessEntry[] entries)
    {
        using var output = new MemoryStream();
        await using (var log = new AccessLog(output, format, new FakeTimeProvider()))
        {
            foreach (var entry in entries)
            {
                log.Record(entry);
            }
        }

        return Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
