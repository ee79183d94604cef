using System.CommandLine;
using System.Net;
using System.Text;
using System.Text.Json;
using Millpond.Cli;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>Rules and answers from a running server.</summary>
public sealed class ServerRulesTests
{
    [Fact]
    public async Task Rules_come_from_a_running_server()
    {
        await using var millpond = await MillpondHost.StartAsync(
            [new PullThroughRule { Prefix = "hub", UpstreamName = "docker.io", Upstream = new("http://127.0.0.1:1"), Deny = ["library/secret"] }],
            new() { Configure = configuration => configuration with { PublicUrl = new("https://mill.example"), DormantPresets = [Preset.All[3]] } });
        var text = YamlEditTests.Pod("image: nginx") + "  - image: secret\n  - image: ghcr.io/a/b\n";
        var (exit, output, messages) = await RunAsync(text, "rewrite", "-", "--explain", "--server", millpond.Address.ToString());
        Assert.Equal(text.Replace("nginx", "mill.example/hub/library/nginx", StringComparison.Ordinal), output);
        Assert.Contains("secret: not-allowed", messages, StringComparison.Ordinal);
        Assert.Contains("ghcr.io/a/b: tier-off", messages, StringComparison.Ordinal);
        Assert.Equal(0, exit);
    }

    [Fact]
    public async Task A_server_names_the_cache_as_its_reviews_of_pods_do()
    {
        await using var millpond = await MillpondHost.StartAsync(
            [new PullThroughRule { Prefix = "hub", UpstreamName = "docker.io", Upstream = new("http://127.0.0.1:1") }],
            new()
            {
                Configure = configuration => configuration with
                {
                    PublicUrl = new("https://mill.example"),
                    Admission = configuration.Admission with { Registry = Millpond.Images.RegistryAddress.Parse("nodes.example/path") },
                },
            });
        var (_, output, _) = await RunAsync(YamlEditTests.Pod("image: nginx"), "rewrite", "-", "--server", millpond.Address.ToString());
        Assert.Equal(YamlEditTests.Pod("image: nodes.example/path/hub/library/nginx"), output);
    }

    [Fact]
    public async Task Coverage_asks_what_is_cached_and_makes_nothing_be_fetched()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a/b", TestImages.OnePlatform(), "1", "2");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var text = YamlEditTests.Pod($"image: {upstream.Address.Authority}/a/b:1") + $"  - image: {upstream.Address.Authority}/a/b:2\n  - image: gcr.io/a\n";
        Assert.Equal([false, false, null], await CachedAsync(text, millpond.Address));
        upstream.AssertNoRequests();
        using var pulled = await millpond.Client.GetAsync(new Uri(millpond.Address, "/v2/up/a/b/manifests/1"));
        Assert.Equal(HttpStatusCode.OK, pulled.StatusCode);
        Assert.Equal([true, false, null], await CachedAsync(text, millpond.Address));
    }

    [Fact]
    public async Task Rules_come_from_the_listener_for_operations_and_pulls_from_the_server()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a/b", TestImages.OnePlatform(), "1");
        await using var millpond = await MillpondHost.StartAsync(
            upstream, new() { Configure = configuration => configuration with { OperationsListen = [new("http://127.0.0.1:0")] } });
        using var pulled = await millpond.Client.GetAsync(new Uri(millpond.Address, "/v2/up/a/b/manifests/1"));
        var text = YamlEditTests.Pod($"image: {upstream.Address.Authority}/a/b:1");
        string[] server = ["--server", millpond.Address.ToString()];
        string[] operations = ["--operations", millpond.Server.OperationsAddresses[0].ToString()];

        var (exit, output, messages) = await RunAsync(text, ["rewrite", "-", .. server]);
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains("--operations URL", messages, StringComparison.Ordinal);

        (exit, output, _) = await RunAsync(text, ["rewrite", "-", .. server, .. operations]);
        Assert.Equal((0, YamlEditTests.Pod($"image: {millpond.Address.Authority}/up/a/b:1")), (exit, output));

        (_, output, _) = await RunAsync(text, ["coverage", "-", "--format", "json", .. server, .. operations]);
        Assert.Contains("\"cached\": true", output, StringComparison.Ordinal);
        Assert.Equal(2, (await RunAsync(text, ["rewrite", "-", "--registry", "c.example", .. operations])).Exit);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named()
    {
        var (exit, output, messages) = await RunAsync("", "rewrite", "-", "--server", FakeUpstream.RefusedAddress.ToString());
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains($"{FakeUpstream.RefusedAddress}-/rules did not give the rules", messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--server", "http://user:s3cret@127.0.0.1:1")]
    [InlineData("--server", "http://127.0.0.1:1", "--operations", "http://user:s3cret@127.0.0.1:1")]
    public async Task A_password_in_a_URL_is_refused_and_not_repeated(params string[] arguments)
    {
        var (exit, output, messages) = await RunAsync("", ["rewrite", "-", .. arguments]);
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains("--auth-file", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", messages, StringComparison.Ordinal);
    }

    private static async Task<bool?[]> CachedAsync(string text, Uri server)
    {
        var (_, output, _) = await RunAsync(text, "coverage", "-", "--format", "json", "--server", server.ToString());
        using var json = JsonDocument.Parse(output);
        return [.. json.RootElement.GetProperty("images").EnumerateArray().Select(image => image.GetProperty("cached")).Select(cached =>
            cached.ValueKind == JsonValueKind.Null ? (bool?)null : cached.GetBoolean())];
    }

    private static async Task<(int Exit, string Output, string Messages)> RunAsync(string input, params string[] arguments)
    {
        using var output = new MemoryStream();
        await using var messages = new StringWriter();
        var streams = new Streams { Input = () => new MemoryStream(Encoding.UTF8.GetBytes(input)), Output = () => new KeptStream(output), Messages = messages };
        var root = new RootCommand { RewriteCommand.Create(streams), CoverageCommand.Create(streams) };
        var exit = await root.Parse(arguments).InvokeAsync();
        return (exit, Encoding.UTF8.GetString(output.ToArray()), messages.ToString());
    }
}
