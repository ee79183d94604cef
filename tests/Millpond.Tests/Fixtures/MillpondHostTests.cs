using System.Net;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Fixtures;

public sealed class MillpondHostTests
{
    [Fact]
    public async Task The_server_answers_and_is_told_apart_from_a_server_that_failed()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var answer = await millpond.Client.GetAsync(new Uri(millpond.Address, "/v2/"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(millpond.Log.Lines, line => line.Message.StartsWith("listening on http://127.0.0.1:", StringComparison.Ordinal));
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task An_error_in_the_log_fails_the_test_unless_it_is_allowed()
    {
        foreach (var allow in new[] { true, false })
        {
            var millpond = await MillpondHost.StartAsync(Array.Empty<PullThroughRule>(), new() { AllowErrors = allow });
            await millpond.RestartAsync();
            millpond.Log.CreateLogger("test").Log(LogLevel.Error, default, "planted", null, (text, _) => text);
            var failure = await Record.ExceptionAsync(() => millpond.DisposeAsync().AsTask());
            Assert.Equal(allow, failure is null);
            Assert.False(Directory.Exists(millpond.DataFolder));
        }
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public async Task The_program_starts_is_killed_starts_again_and_stops_in_good_order()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync();
        string[] rule = ["--upstream", $"up={upstream.Address}"];
        using var http = new HttpClient();

        await using (var first = await MillpondProcess.StartAsync(folder.Path, rule))
        {
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(first.Address, "/v2/"))).StatusCode);
            Assert.InRange(first.PeakMemory, 10 << 20, 400 << 20);
            Assert.InRange(first.Memory, 1, first.PeakMemory);
            await first.KillAsync();
        }

        await using var second = await MillpondProcess.StartAsync(folder.Path, rule);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(second.Address, "/v2/"))).StatusCode);
        Assert.Equal(0, await second.StopAsync());
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public async Task A_program_that_cannot_start_shows_why()
    {
        using var folder = new TemporaryFolder();
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => MillpondProcess.StartAsync(folder.Path, ["--upstream", "up"]));
        Assert.Contains("--upstream", failure.Message, StringComparison.Ordinal);
    }
}
