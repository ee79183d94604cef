using System.Text.Json;
using Millpond.Cli;
using Millpond.Cli.Logins;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>A server behind TLS of an authority of one's own, or behind a login.</summary>
public sealed class ServerAccessTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_server_whose_authority_is_named_gives_rules_and_is_warmed()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 8000), "1");
        using var authority = new TestCertificates();
        var (certificate, key) = authority.IssueFiles(folder, "server");
        await using var host = await MillpondHost.StartAsync(
            upstream, new() { Configure = configuration => configuration with { Listen = [new("https://127.0.0.1:0")], Tls = new(certificate, key) } });
        var server = $"https://127.0.0.1:{host.Address.Port}";
        var text = YamlEditTests.Pod($"image: {upstream.Address.Authority}/team/app:1");
        var ca = folder.Write("ca.pem", authority.AuthorityPem);
        using var stranger = new TestCertificates();

        var without = await RunAsync(text, "rewrite", "-", "--server", server);
        Assert.Equal((2, ""), (without.ExitCode, without.Output));
        Assert.Contains("name that one with --ca FILE", without.Messages, StringComparison.Ordinal);
        var wrong = await RunAsync(text, "rewrite", "-", "--server", server, "--ca", folder.Write("other.pem", stranger.AuthorityPem));
        Assert.Equal((2, ""), (wrong.ExitCode, wrong.Output));
        Assert.Contains("--ca FILE must hold the authority", wrong.Messages, StringComparison.Ordinal);

        Assert.Contains($"image: 127.0.0.1:{host.Address.Port}/up/team/app:1", (await RunAsync(text, "rewrite", "-", "--server", server, "--ca", ca)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync(text, "warm", "-", "--server", server, "--ca", ca)).ExitCode);
        Assert.True(await IsCachedAsync(text, "--server", server, "--ca", ca));
    }

    [Fact]
    public async Task A_server_behind_a_login_is_given_it_when_it_asks_for_it()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 8001), "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await using var proxy = await LoginProxy.StartAsync(host.Address);
        var text = YamlEditTests.Pod($"image: {upstream.Address.Authority}/team/app:1");
        string[] options = ["--server", proxy.Address.ToString(), "--auth-file", folder.Write("auth.json", proxy.Logins())];

        Assert.Contains($"image: {proxy.Address.Authority}/up/team/app:1", (await RunAsync(text, ["rewrite", "-", .. options])).Output, StringComparison.Ordinal);
        Assert.Null(proxy.Authorizations[0]);
        Assert.NotNull(proxy.Authorizations[1]);
        Assert.False(await IsCachedAsync(text, options));
        var warm = await RunAsync(text, ["warm", "-", .. options]);
        Assert.Equal((0, ""), (warm.ExitCode, warm.Messages));
        Assert.True(await IsCachedAsync(text, options));
    }

    [Theory]
    [InlineData("/none", "rewrite", 2)]
    [InlineData("/-", "coverage", 2)]
    [InlineData("/-", "warm", 1)]
    public async Task A_login_that_is_missing_or_wrong_is_said_with_what_to_do(string open, string verb, int exitCode)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await using var proxy = await LoginProxy.StartAsync(host.Address);
        proxy.Open = open;
        var text = YamlEditTests.Pod($"image: {upstream.Address.Authority}/team/app:1");

        var missing = await RunAsync(text, verb, "-", "--server", proxy.Address.ToString());
        Assert.Equal(exitCode, missing.ExitCode);
        Assert.Contains($"docker login {proxy.Address.Authority}", Words(missing), StringComparison.Ordinal);

        var wrong = await RunAsync(text, verb, "-", "--server", proxy.Address.ToString(), "--auth-file", folder.Write("auth.json", proxy.Logins("another")));
        Assert.Equal(exitCode, wrong.ExitCode);
        Assert.Contains("is not accepted", Words(wrong), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--auth-file", "{\"auths\": {\"other.example.com\": {\"auth\": \"YTpi\"}}}", "has no login for cache.example.com:5000")]
    [InlineData("--auth-file", "{\"auths\": {\"cache.example.com:5000\": {\"auth\": \"?\"}}}", "--auth-file")]
    [InlineData("--auth-file", "no JSON", "--auth-file")]
    [InlineData("--ca", "no PEM", "there is no certificate in it")]
    public async Task A_file_that_cannot_be_used_is_named(string option, string content, string message)
    {
        var file = folder.Write("file", content);
        foreach (var path in new[] { file, folder.File("away") })
        {
            var run = await RunAsync("", "rewrite", "-", "--server", "https://cache.example.com:5000", option, path);
            Assert.Equal((2, ""), (run.ExitCode, run.Output));
            Assert.Contains(path == file ? message : path, run.Messages, StringComparison.Ordinal);
            Assert.Contains(option, run.Messages, StringComparison.Ordinal);
        }

        Assert.Contains("name it with --server", (await RunAsync("", "rewrite", "-", "--registry", "cache.example.com", option, file)).Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cache.example.com:5000", "https://cache.example.com:5000", true)]
    [InlineData("CACHE.example.com", "https://cache.example.com", true)]
    [InlineData("cache.example.com:443", "https://cache.example.com", true)]
    [InlineData("https://cache.example.com/v1/", "https://cache.example.com", true)]
    [InlineData("cache.example.com", "https://cache.example.com:5000", false)]
    [InlineData("example.com", "https://cache.example.com", false)]
    public void A_login_is_for_a_host_and_port(string key, string server, bool isFor)
    {
        var file = folder.Write("auth.json", $"{{\"auths\": {{\"{key}\": {{\"auth\": \"YTpiOmM=\"}}}}}}");
        if (isFor)
        {
            var login = DockerLogins.Read(new FileInfo(file), new Uri(server)).Login;
            Assert.Equal(("a", "b:c"), (login?.UserName, login?.Password));
        }
        else
        {
            Assert.Throws<CommandFailedException>(() => DockerLogins.Read(new FileInfo(file), new Uri(server)));
        }
    }

    // A table breaks lines where it likes.
    private static string Words(VerbRun run) => string.Join(' ', (run.Output + run.Messages).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static async Task<bool> IsCachedAsync(string text, params string[] options)
    {
        using var report = JsonDocument.Parse((await RunAsync(text, ["coverage", "-", "--format", "json", .. options])).Output);
        return report.RootElement.GetProperty("images")[0].GetProperty("cached").GetBoolean();
    }

    private static Task<VerbRun> RunAsync(string input, params string[] arguments) => VerbRun.OfAsync(
        streams => arguments[0] switch
        {
            "rewrite" => RewriteCommand.Create(streams),
            "coverage" => CoverageCommand.Create(streams),
            _ => WarmCommand.Create(streams, TimeProvider.System),
        },
        input, arguments[1..], TestContext.Current.CancellationToken);
}
