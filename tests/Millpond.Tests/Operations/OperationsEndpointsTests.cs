using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

public sealed class OperationsEndpointsTests
{
    private const string Secret = "this-must-not-be-seen";

    [Fact]
    public async Task It_is_ready_with_every_upstream_dead()
    {
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule("up", FakeUpstream.RefusedAddress)]);
        Assert.Equal((HttpStatusCode.OK, "alive\n"), await GetAsync(millpond, "/healthz"));
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(millpond, "/readyz"));
    }

    [Fact]
    public async Task A_folder_that_takes_no_files_is_said_in_words_and_pulls_are_passed_through()
    {
        using var data = new TemporaryFolder();
        await using var millpond = await MillpondHost.StartAsync([], new() { Data = data, AllowErrors = true });
        Directory.Move(Path.Join(millpond.DataFolder, "staging"), data.File("lost"));
        var (status, text) = await GetAsync(millpond, "/readyz");
        Assert.Equal(HttpStatusCode.OK, status);
        var id = Regex.Match(text, @"\(log id ([0-9a-f]{6})\)").Groups[1].Value;
        Assert.NotEmpty(id);
        Assert.DoesNotContain(millpond.DataFolder, text, StringComparison.Ordinal);
        Assert.Contains(millpond.DataFolder, (await millpond.Log.WhenLineAsync($"(log id {id})")).Message, StringComparison.Ordinal);
        Assert.Contains("passed through", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(millpond, "/healthz")).Status);
    }

    [Fact]
    public async Task The_rules_are_told_without_their_secrets()
    {
        var rule = new PullThroughRule
        {
            Prefix = "team/harbor",
            UpstreamName = "harbor.example:8443",
            Upstream = new("https://harbor.example:8443"),
            UpstreamRepositoryPrefix = "team",
            Credential = new($"/run/{Secret}", null, null),
            Headers = [new("X-Key", Secret)],
            Proxy = $"http://user:{Secret}@proxy.example",
            Tls = new(Ca: $"/etc/{Secret}"),
            TokenRealms = [new($"https://{Secret}.example")],
            Allow = ["**"],
            Deny = ["x/**"],
            Hosts = ["harbor.cache.example"],
            StandsFor = ["x.example"],
        };
        var dormant = Preset.All.Single(preset => preset.Prefix == "ghcr");
        await using var millpond = await MillpondHost.StartAsync(
            [rule], new() { Configure = configuration => configuration with { PublicUrl = new("https://cache.example/"), DormantPresets = [dormant] } });
        var (_, text) = await GetAsync(millpond, "/-/rules");
        var json = JsonNode.Parse(text)!;
        var expected = """
            {"prefix":"team/harbor","upstream":"harbor.example:8443","url":"https://harbor.example:8443","upstreamRepositoryPrefix":"team","tier":"by rule","anonymous":false,
             "standsFor":["x.example"],"allow":["**"],"deny":["x/**"],"hosts":["harbor.cache.example"],"listeners":[]}
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), Assert.Single(json["rules"]!.AsArray())), text);
        Assert.Equal("https://cache.example", (string?)json["publicUrl"]);
        var asleep = Assert.Single(json["dormant"]!.AsArray())!;
        Assert.Equal(("ghcr", "ghcr.io", "opt-in"), ((string?)asleep["prefix"], (string?)asleep["upstream"], (string?)asleep["tier"]));
        Assert.Contains("anonymous: true", (string?)asleep["create"], StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upstream_tells_how_it_does()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { RateLimit = 100 });
        upstream.Add("a", TestImages.OnePlatform(), "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        Assert.Equal("unknown", (string?)(await UpstreamAsync(millpond))["state"]);

        (await millpond.ManifestAsync("up/a", "latest")).Dispose();
        var after = await UpstreamAsync(millpond);
        Assert.Equal(("up", upstream.Address.Authority), ((string?)after["rule"], (string?)after["upstream"]));
        Assert.Equal(("ok", "closed"), ((string?)after["state"], (string?)after["breaker"]));
        Assert.Equal((100, 99), ((int?)after["rateLimit"], (int?)after["rateRemaining"]));
        Assert.NotNull((string?)after["lastSuccess"]);
    }

    [Fact]
    public async Task An_upstream_that_fails_tells_why()
    {
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule("up", FakeUpstream.RefusedAddress)]);
        (await millpond.ManifestAsync("up/a", "latest")).Dispose();
        (await millpond.ManifestAsync("up/a", "latest")).Dispose();
        var after = await UpstreamAsync(millpond);
        Assert.Equal(("down", "open"), ((string?)after["state"], (string?)after["breaker"]));
        Assert.False(string.IsNullOrEmpty((string?)after["lastFailure"]));
    }

    private static async Task<JsonNode> UpstreamAsync(MillpondHost millpond) =>
        Assert.Single(JsonNode.Parse((await GetAsync(millpond, "/-/upstreams")).Text)!["upstreams"]!.AsArray())!;

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(MillpondHost millpond, string path)
    {
        using var response = await millpond.Client.GetAsync(new Uri(millpond.Address, path));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
