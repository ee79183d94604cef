using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Millpond.Cli;
using Millpond.Server.Configuration;
using Millpond.Tests.Cli;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations.Cost;

/// <summary><c>GET /-/cost</c> of a real server, and <c>millpond cost</c> which asks for it.</summary>
public sealed class CostEndpointTests
{
    [Fact]
    public async Task What_was_pulled_twice_was_asked_once_and_is_said_so_after_a_restart_too()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        var time = new FakeTimeProvider(new DateTimeOffset(2030, 5, 6, 7, 8, 9, TimeSpan.Zero));
        await using var millpond = await MillpondHost.StartAsync(upstream, new() { Time = time });
        await millpond.PullAsync("up/a", image, "latest");
        await millpond.RestartAsync();
        time.Advance(TimeSpan.FromHours(12));
        await millpond.PullAsync("up/a", image, "latest");
        await millpond.PullAsync("up/a", image, "latest");
        await millpond.RestartAsync();

        var report = await ReportAsync(millpond);
        var requests = image.Blobs.Count + 1;
        var bytes = image.Blobs.Sum(blob => blob.Length);
        var asked = Assert.Single(report["measured"]!["upstreams"]!.AsArray())!;
        Assert.Equal(upstream.Address.Authority, (string?)asked["upstream"]);
        Assert.Equal((3 * requests, 2 * requests), ((int)asked["pulls"]!, (int)asked["requestsSaved"]!));
        Assert.Equal(upstream.Requests().Count(request => request.Kind is RequestKind.Manifest or RequestKind.Blob), (int)asked["requestsMade"]!);
        Assert.Equal((3 * bytes, bytes, 2 * bytes), ((long)asked["bytesServed"]!, (long)asked["bytesReceived"]!, (long)asked["bytesSaved"]!));
        Assert.Equal((0.5, 30.0), ((double)report["measured"]!["days"]!, (double)report["measured"]!["perMonth"]!));

        var storage = report["storage"]!;
        var use = Assert.Single(storage["prefixes"]!.AsArray())!;
        Assert.Equal(("up", "by rule", 1, 1), ((string?)use["prefix"], (string?)use["tier"], (int)use["images"]!, (int)use["versions"]!));
        Assert.True((long)use["bytes"]! > bytes);
        Assert.Equal((long)storage["bytes"]!, (long)use["bytes"]!);
        Assert.Equal(30, (double)use["keptDays"]!);
        Assert.Equal("by rule", (string?)Assert.Single(storage["tiers"]!.AsArray())!["tier"]);
    }

    [Fact]
    public async Task Prices_are_those_of_the_configuration()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        var prices = new CostConfiguration { Currency = "EUR", EcrStorage = 1_000_000, Disk = 500_000, Clients = ClientPlace.Internet, Internet = 100_000 };
        await using var millpond = await MillpondHost.StartAsync(upstream, new() { Configure = configuration => configuration with { Cost = prices } });
        await millpond.PullAsync("up/a", image, "latest");
        await millpond.RestartAsync();
        var report = await ReportAsync(millpond);
        var bytes = (decimal)report["storage"]!["bytes"]!;
        var now = report["perMonth"]!["now"]!;
        Assert.Equal("EUR", (string?)report["currency"]);
        Assert.Equal(Math.Round(bytes / 1000, 4), (decimal)now["ecr"]!["storage"]!);
        Assert.Equal(Math.Round((bytes + (decimal)report["storage"]!["looseBytes"]!) / 2000, 4), (decimal)now["here"]!["storage"]!);
        Assert.Equal(Math.Round(30 * image.Blobs.Sum(blob => blob.Length) / 10_000m, 4), (decimal)now["ecr"]!["transfer"]!);
        Assert.Equal((0m, 0m), ((decimal)now["here"]!["transfer"]!, (decimal)now["here"]!["secrets"]!));
    }

    [Fact]
    public async Task An_empty_server_costs_nothing()
    {
        await using var millpond = await MillpondHost.StartAsync([]);
        var report = await ReportAsync(millpond);
        Assert.Empty(report["storage"]!["prefixes"]!.AsArray());
        Assert.Equal(0, (decimal)report["perMonth"]!["steady"]!["ecr"]!["total"]!);
    }

    [Fact]
    public async Task The_verb_draws_a_table_or_gives_the_JSON()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        await millpond.PullAsync("up/a", image, "latest");
        var server = millpond.Address.GetLeftPart(UriPartial.Authority);
        var table = await VerbRun.OfAsync(CostCommand.Create, "", ["--server", server], TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), (table.ExitCode, table.Messages));
        Assert.Matches(@"(?m)^up +by rule +127\.0\.0\.1:[0-9]+ +1 +1 +[0-9.]+ [KM]?B +[0-9.]+ [KM]?B +30 days", table.Output);
        Assert.Matches(@"(?m)^USD per month +ECR, now +here, now +ECR, steady +here, steady$", table.Output);
        Assert.Matches(@"(?m)^total +0\.00 +0\.00 +0\.00 +0\.00$", table.Output);
        var json = await VerbRun.OfAsync(CostCommand.Create, "", ["--server", server, "--format", "json"], TestContext.Current.CancellationToken);
        Assert.Equal(1, (int)JsonNode.Parse(json.Output)!["storage"]!["versions"]!);
    }

    [Theory]
    [InlineData(404, "", "operations.listen")]
    [InlineData(403, "", "Observer")]
    [InlineData(200, "hello", "'h' is an invalid start")]
    [InlineData(200, "{}", "no Millpond")]
    [InlineData(500, "", "log")]
    public async Task The_verb_says_why_there_are_no_costs(int status, string body, string expected)
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = AnswerAsync(listener, $"HTTP/1.1 {status} X\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");
        var run = await VerbRun.OfAsync(CostCommand.Create, "", ["--server", $"http://{listener.LocalEndpoint}"], TestContext.Current.CancellationToken);
        await answering;
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(expected, run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_servers_address_is_refused()
    {
        Assert.Contains("no server's URL", (await VerbRun.OfAsync(CostCommand.Create, "", ["--server", "cache"])).Messages, StringComparison.Ordinal);
        Assert.Contains("leave user and password out", (await VerbRun.OfAsync(CostCommand.Create, "", ["--server", "http://u:p@127.0.0.1"])).Messages, StringComparison.Ordinal);
    }

    private static async Task AnswerAsync(System.Net.Sockets.TcpListener listener, string answer)
    {
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await using var stream = client.GetStream();
        var buffer = new byte[4096];
        _ = await stream.ReadAsync(buffer, TestContext.Current.CancellationToken);
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(answer), TestContext.Current.CancellationToken);
        await stream.FlushAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<JsonNode> ReportAsync(MillpondHost millpond)
    {
        using var response = await millpond.Client.GetAsync(new Uri(millpond.Address, "/-/cost"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonNode.Parse(text)!;
    }
}
