using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Millpond.Server;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

/// <summary>The server as a whole: listeners, proxies in front, starts that fail, stops in good order.</summary>
public sealed class ServerHostTests : IAsyncLifetime
{
    private readonly TestBlob layer = TestBlob.Generated(5, 2_000_000);
    private FakeUpstream upstream = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("a", TestImages.WithLayers(layer), "latest");
    }

    public ValueTask DisposeAsync() => upstream.DisposeAsync();

    [Fact]
    public async Task A_stop_lets_a_running_pull_end_and_takes_no_other()
    {
        var gate = upstream.Park(layer.Digest, 1_000_000);
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var running = await millpond.BlobAsync("up/a", layer.Digest);
        await gate.WhenReached();

        var stopped = millpond.Server.StopAsync();
        await WhenRefusedAsync(millpond.Address.Port);
        Assert.False(stopped.IsCompleted);
        gate.Open();
        Assert.Equal(layer.ToArray(), await running.Content.ReadAsByteArrayAsync());
        await stopped.WaitAsync(Patience.Limit);
    }

    [Fact]
    public async Task A_pull_that_outlasts_the_grace_is_cut_and_its_bytes_are_kept()
    {
        var gate = upstream.Park(layer.Digest, 1_000_000);
        await using var millpond = await MillpondHost.StartAsync(
            upstream, new() { Configure = configuration => configuration with { ShutdownGrace = TimeSpan.FromMilliseconds(50) } });
        using var running = await millpond.BlobAsync("up/a", layer.Digest);
        await using var body = await running.Content.ReadAsStreamAsync();
        await gate.WhenReached();
        await body.ReadExactlyAsync(new byte[500_000]);
        await millpond.Server.StopAsync().WaitAsync(Patience.Limit);
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null));
        gate.Open();

        await millpond.RestartAsync();
        using var again = await millpond.BlobAsync("up/a", layer.Digest);
        Assert.Equal(layer.ToArray(), await again.Content.ReadAsByteArrayAsync());
        await upstream.WhenIdle();
        Assert.InRange(upstream.BytesSentOf(layer.Digest), layer.Length, layer.Length + 100_000);
    }

    [Fact]
    public async Task Https_speaks_both_versions_of_http()
    {
        using var authority = new TestCertificates();
        using var folder = new TemporaryFolder();
        var (certificate, key) = authority.IssueFiles(folder, "server");
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream)],
            new() { Configure = configuration => configuration with { Listen = [new("https://127.0.0.1:0")], Tls = new(certificate, key) } });
        using var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true } };
        using var client = new HttpClient(handler);
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, $"/v2/up/a/blobs/{layer.Digest}"))
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var response = await client.SendAsync(request);
            Assert.Equal(version, response.Version);
            Assert.Equal(layer.ToArray(), await response.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory]
    [InlineData("127.0.0.0/8", HttpStatusCode.OK, "203.0.113.7")]
    [InlineData("10.0.0.0/8", HttpStatusCode.NotFound, "127.0.0.1")]
    [InlineData(null, HttpStatusCode.NotFound, "127.0.0.1")]
    public async Task Only_a_trusted_proxy_is_believed(string? trusted, HttpStatusCode status, string client)
    {
        using var access = new MemoryStream();
        using var folder = new TemporaryFolder();
        var configuration = new ServerConfiguration
        {
            Listen = [new("http://127.0.0.1:0")],
            Data = folder.Path,
            Rules = [MillpondHost.Rule("up", upstream) with { Hosts = ["up.cache.example"] }],
            TrustedProxies = trusted is null ? [] : [IPNetwork.Parse(trusted)],
        };
        await using (var server = await ServerHost.StartAsync(configuration, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken, access))
        {
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Addresses[0], "/v2/a/manifests/latest"));
            request.Headers.Add("X-Forwarded-Host", "up.cache.example");
            request.Headers.Add("X-Forwarded-For", "203.0.113.7");
            request.Headers.Add("X-Forwarded-Proto", "https");
            using var response = await http.SendAsync(request);
            Assert.Equal(status, response.StatusCode);
        }

        var line = JsonNode.Parse(Encoding.UTF8.GetString(access.ToArray()))!;
        Assert.Equal((client, "/v2/a/manifests/latest", (int)status), ((string?)line["client"], (string?)line["path"], (int)line["status"]!));
    }

    [Fact]
    public async Task Access_lines_are_off_when_the_configuration_says_so()
    {
        using var access = new MemoryStream();
        using var folder = new TemporaryFolder();
        var configuration = new ServerConfiguration { Listen = [new("http://127.0.0.1:0")], Data = folder.Path, Log = new(LogLevel.Information, Access: false) };
        await using (var server = await ServerHost.StartAsync(configuration, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken, access))
        {
            using var http = new HttpClient();
            await http.GetStringAsync(new Uri(server.Addresses[0], "/v2/"));
        }

        Assert.Equal(0, access.Length);
    }

    [Fact]
    public async Task A_port_in_use_is_one_clear_line()
    {
        await using var first = await MillpondHost.StartAsync(upstream);
        var failure = await Assert.ThrowsAsync<ServerStartException>(
            () => MillpondHost.StartAsync(upstream, new() { Configure = configuration => configuration with { Listen = [first.Address] } }));
        Assert.Contains($"Cannot listen on {first.Address}", failure.Message, StringComparison.Ordinal);
        Assert.Contains("--listen", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Theory]
    [InlineData("main")]
    [InlineData("rule")]
    [InlineData("operations")]
    public async Task A_port_in_use_leaves_no_folder_and_no_other_port_taken(string which)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var (used, first) = (new Uri($"http://{taken.LocalEndpoint}"), new Uri($"http://{free.LocalEndpoint}"));
        free.Stop();
        using var data = new TemporaryFolder();
        var log = new CollectedLog();
        var configuration = new ServerConfiguration { Listen = [first], Data = data.File("data"), Rules = [MillpondHost.Rule("up", upstream)] };
        configuration = which switch
        {
            "main" => configuration with { Listen = [first, used] },
            "rule" => configuration with { Listeners = [new(used, "up")] },
            _ => configuration with { OperationsListen = [used] },
        };

        var failure = await Assert.ThrowsAsync<ServerStartException>(
            () => ServerHost.StartAsync(configuration, TimeProvider.System, logging => logging.AddProvider(log), TestContext.Current.CancellationToken));

        Assert.Equal(1, failure.Message.Count(one => one == ';'));
        Assert.StartsWith($"Cannot listen on {used}: another program listens there", failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(configuration.Data));
        Assert.Empty(log.Lines);
        using var again = new TcpListener(IPAddress.Loopback, first.Port);
        again.Start();
    }

    [Fact]
    public async Task It_says_what_to_try_and_in_the_end_what_it_keeps()
    {
        var gate = upstream.Park(layer.Digest, 1_000_000);
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream), MillpondHost.Rule("quay", upstream) with { UpstreamName = "quay.io" }],
            new() { Configure = configuration => configuration with { ShutdownGrace = TimeSpan.FromMilliseconds(50) } });
        Assert.Equal(
            $"ready; try: docker pull {millpond.Address.Authority}/quay/prometheus/busybox:latest, or open {millpond.Address} in a browser",
            millpond.Log.Lines.Last(line => line.Level == LogLevel.Information).Message);
        using var running = await millpond.BlobAsync("up/a", layer.Digest);
        await using var body = await running.Content.ReadAsStreamAsync();
        await gate.WhenReached();
        await body.ReadExactlyAsync(new byte[500_000]);

        await millpond.Server.StopAsync().WaitAsync(Patience.Limit);

        Assert.Equal("stopped, 1 downloads kept", millpond.Log.Lines.Last(line => line.Level == LogLevel.Information).Message);
        gate.Open();
    }

    [Theory]
    [InlineData(false, true, "believes any certificate of")]
    [InlineData(true, true, "sends what lets it in at upstream.example to whoever answers in its place: any certificate")]
    [InlineData(true, false, null)]
    public async Task What_is_insecure_is_warned_of_at_every_start(bool hasHeader, bool isInsecure, string? warning)
    {
        var rule = new PullThroughRule
        {
            Prefix = "up",
            UpstreamName = "upstream.example",
            Upstream = new("https://upstream.example"),
            Headers = hasHeader ? [new("X-Key", "hunter2")] : [],
            Tls = new(Insecure: isInsecure),
        };
        await using var millpond = await MillpondHost.StartAsync([rule]);
        await millpond.RestartAsync();
        var warnings = millpond.Log.Lines.Where(line => line.Level == LogLevel.Warning).Select(line => line.Message).ToList();
        Assert.Equal(warning is null ? 0 : 2, warnings.Count);
        Assert.All(warnings, line => Assert.Contains(warning!, line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_in_use_is_one_clear_line()
    {
        using var data = new TemporaryFolder();
        await using var first = await MillpondHost.StartAsync(upstream, new() { Data = data });
        var failure = await Assert.ThrowsAsync<ServerStartException>(() => MillpondHost.StartAsync(upstream, new() { Data = data }));
        Assert.Contains("in use by another millpond", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public async Task Each_listener_and_rule_is_told_at_the_start()
    {
        var dormant = Preset.All.Single(preset => preset.Prefix == "ghcr");
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream)],
            new()
            {
                Configure = configuration => configuration with
                {
                    Listeners = [new(new("http://127.0.0.1:0"), "up")],
                    OperationsListen = [new("http://127.0.0.1:0")],
                    DormantPresets = [dormant],
                },
            });
        var said = millpond.Log.Lines.Select(line => line.Message).ToList();
        Assert.Contains($"listening on {millpond.Address} (pulls)", said);
        Assert.Contains($"listening on {millpond.Server.RuleAddresses[0]} (pulls of up)", said);
        Assert.Contains($"listening on {millpond.Server.OperationsAddresses[0]} (operations)", said);
        Assert.Contains($"rule up/ pulls from {upstream.Address.Authority} (tier: by rule)", said);
        Assert.Contains(said, line => line.StartsWith("preset ghcr/ for ghcr.io is not set up", StringComparison.Ordinal));
    }

    /// <summary>Ends when nobody takes connections there any more.</summary>
    private static async Task WhenRefusedAsync(int port)
    {
        while (true)
        {
            using var socket = new TcpClient();
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }
}
