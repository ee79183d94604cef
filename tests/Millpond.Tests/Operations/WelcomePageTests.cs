using System.Net;
using System.Text.RegularExpressions;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

public sealed partial class WelcomePageTests
{
    private const string Browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    private static readonly PullThroughRule[] Rules =
    [
        new() { Prefix = "team", UpstreamName = "harbor.example", Upstream = new("https://harbor.example"), Allow = ["app/**"], Headers = [new("X-Key", "hunter2")] },
        new() { Prefix = "quay", UpstreamName = "quay.io", Upstream = new("https://quay.io") },
    ];

    private static readonly Preset Dormant = Preset.All.Single(preset => preset.Prefix == "ghcr");

    [Fact]
    public async Task The_root_says_to_a_terminal_what_this_is_its_rules_and_how_to_pull()
    {
        await using var millpond = await StartAsync();
        var (type, text) = await GetAsync(millpond, "/", "*/*");
        Assert.Equal("text/plain", type);
        Assert.StartsWith("Millpond ", text, StringComparison.Ordinal);
        Assert.Contains($"docker pull {millpond.Address.Authority}/quay/prometheus/busybox:latest\n", text, StringComparison.Ordinal);
        Assert.Contains($"{millpond.Address.Authority}/team/  from harbor.example (only app/**)\n", text, StringComparison.Ordinal);
        Assert.Contains($"{millpond.Address.Authority}/ghcr/  ghcr.io: needs {Dormant.Credential}\n", text, StringComparison.Ordinal);
        Assert.Contains("/-/", text, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_gets_a_page_that_runs_and_loads_nothing()
    {
        await using var millpond = await StartAsync(configuration => configuration with { PublicUrl = new("https://cache.corp.example") });
        using var request = new HttpRequestMessage(HttpMethod.Get, millpond.Address);
        request.Headers.TryAddWithoutValidation("Accept", Browser);
        using var response = await millpond.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith("<!DOCTYPE html>", text, StringComparison.Ordinal);
        Assert.EndsWith("</html>\n", text, StringComparison.Ordinal);
        Assert.Contains("docker pull cache.corp.example/quay/", text, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("Accept", response.Headers.Vary.Single());
    }

    [Fact]
    public async Task What_a_client_calls_the_server_cannot_become_markup()
    {
        await using var millpond = await StartAsync(configuration => configuration with { Listen = [new("http://0.0.0.0:0")] });
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, millpond.Address.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: a&<script>alert(1)</script>\r\nAccept: text/html\r\nConnection: close\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(stream);
        Assert.DoesNotContain("<script>", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rules_own_listener_speaks_of_its_upstream_alone()
    {
        await using var millpond = await StartAsync(configuration => configuration with { Listeners = [new(new("http://127.0.0.1:0"), "quay")] });
        var text = await millpond.Client.GetStringAsync(millpond.Server.RuleAddresses[0]);
        Assert.Contains("quay.io alone", text, StringComparison.Ordinal);
        Assert.DoesNotContain("harbor", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_list_holds_what_there_is(bool isApart)
    {
        await using var millpond = await StartAsync(configuration => isApart ? configuration with { OperationsListen = [new("http://127.0.0.1:0")] } : configuration);
        var at = isApart ? millpond.Server.OperationsAddresses[0] : millpond.Address;
        var text = await millpond.Client.GetStringAsync(new Uri(at, "/-/"));
        var paths = Listed().Matches(text).Select(line => line.Groups[1].Value).ToList();
        Assert.Equal(Documented(), paths);
        foreach (var path in paths)
        {
            Assert.True((await millpond.Client.GetAsync(new Uri(at, path))).IsSuccessStatusCode, path);
        }

        if (isApart)
        {
            Assert.Equal(text, await millpond.Client.GetStringAsync(at));
            Assert.DoesNotContain("/-/", await millpond.Client.GetStringAsync(millpond.Address), StringComparison.Ordinal);
        }

        Assert.Equal("text/html", (await GetAsync(millpond, "/", Browser)).Type);
    }

    [Fact]
    public async Task Neither_is_written_to()
    {
        await using var millpond = await StartAsync();
        foreach (var path in new[] { "/", "/-/" })
        {
            // POST at the root is the AWS APIs'.
            using var response = await millpond.Client.PutAsync(new Uri(millpond.Address, path), new StringContent(""));
            Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        }
    }

    private static Task<MillpondHost> StartAsync(Func<ServerConfiguration, ServerConfiguration>? configure = null) => MillpondHost.StartAsync(
        Rules, new() { Configure = configuration => (configure?.Invoke(configuration) ?? configuration) with { DormantPresets = [Dormant] } });

    private static async Task<(string? Type, string Text)> GetAsync(MillpondHost millpond, string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, path));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await millpond.Client.SendAsync(request);
        return (response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync());
    }

    private static IEnumerable<string> Documented() =>
        DocumentedRow().Matches(File.ReadAllText(Path.Join(Architecture.SourceTree.Top, "docs", "operations.md"))).Select(row => row.Groups[1].Value);

    [GeneratedRegex("^  (/\\S+)", RegexOptions.Multiline)]
    private static partial Regex Listed();

    [GeneratedRegex("^\\| `(/[a-z-/]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex DocumentedRow();
}
