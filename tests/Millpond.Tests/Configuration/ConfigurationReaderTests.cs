using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Configuration;

public sealed class ConfigurationReaderTests
{
    private static readonly Dictionary<string, string> NoEnvironment = [];

    [Fact]
    public void Nothing_given_is_the_embedded_default()
    {
        var read = ConfigurationReader.Read(null, NoEnvironment, []).Configuration!;

        Assert.Equal(["quay", "k8s"], read.Rules.Select(r => r.Prefix));
        Assert.Equal(["docker-hub", "ghcr", "gitlab"], read.DormantPresets.Select(p => p.Prefix));
        Assert.Equal(["http://127.0.0.1:5000/"], read.Listen.Select(l => l.ToString()));

        // The values' own defaults, which tests and other hosts use, are those of the table of keys.
        var plain = new ServerConfiguration();
        Assert.Equal(plain.Listen, read.Listen);
        Assert.Equal(
            plain with { Listen = read.Listen, Rules = read.Rules, DormantPresets = read.DormantPresets, TrustedProxies = read.TrustedProxies, OperationsListen = read.OperationsListen, Listeners = read.Listeners, Admission = read.Admission },
            read);
        var quay = new PullThroughRule { Prefix = "quay", UpstreamName = "quay.io", Upstream = new("https://quay.io"), Tier = Tier.Default };
        Assert.Equal(quay with { Hosts = read.Rules[0].Hosts, Allow = read.Rules[0].Allow, Deny = read.Rules[0].Deny, Headers = read.Rules[0].Headers, TokenRealms = read.Rules[0].TokenRealms, CompleteIndexes = read.Rules[0].CompleteIndexes }, read.Rules[0]);
        Assert.True(read.Rules[0].CompleteIndexes.IsNone);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# only a comment\n")]
    [InlineData("---\n")]
    [InlineData("rules:\ndefaults:\nstorage: ~\nlisten: null\n")]
    public void Keys_without_a_value_are_as_not_written(string yaml)
    {
        var read = ConfigurationFile.Right(yaml);
        Assert.Equal(2, read.Rules.Length);
        Assert.Equal(new SizeLimit(null, 90), read.Storage.Limit);
    }

    [Fact]
    public void The_example_of_the_documentation_is_read_whole()
    {
        using var file = new ConfigurationFile();
        file.Make("tls.crt");
        file.Make("tls.key");
        file.Make("docker-hub.json");
        file.Make("corp-ca.pem");
        file.Environment["HARBOR_USER"] = "robot";
        file.Environment["HARBOR_TOKEN"] = "secret";
        var folder = Path.GetDirectoryName(file.Path);
        File.WriteAllText(file.Path, ConfigurationDocument.Example().Replace("/etc/millpond", folder, StringComparison.Ordinal).Replace("/run/secrets", folder, StringComparison.Ordinal));

        var result = file.Read();

        Assert.True(result.Configuration is not null, result.Describe());
        var read = result.Configuration;
        Assert.Equal(["https://0.0.0.0/", "http://127.0.0.1:5000/"], read.Listen.Select(l => l.ToString()));
        Assert.Equal(new Uri("https://cache.corp.example"), read.PublicUrl);
        Assert.Equal($"{folder}/tls.crt", read.Tls!.Certificate);
        Assert.Equal(["quay", "docker-hub", "ghcr", "gcr", "team-a/harbor", "k8s"], read.Rules.Select(r => r.Prefix));
        Assert.Equal(["gitlab"], read.DormantPresets.Select(p => p.Prefix));
        Assert.Equal(TimeSpan.FromHours(6), read.Rules[0].RevalidateAfter);
        Assert.Equal(["quay.cache.corp.example"], read.Rules[0].Hosts);
        Assert.Equal(["linux/amd64", "linux/arm64"], read.Rules[0].CompleteIndexes.Platforms);
        Assert.Equal(new CredentialSource($"{folder}/docker-hub.json", null, null), read.Rules[1].Credential);
        Assert.Equal(["library/**", "grafana/**", "velero/**"], read.Rules[1].Allow);
        Assert.True(read.Rules[2].Anonymous);
        Assert.True(read.Rules[3].CompleteIndexes.IsNone);
        var harbor = read.Rules[4];
        Assert.Equal("harbor.corp.example:8443", harbor.UpstreamName);
        Assert.Equal(new Uri("https://harbor.corp.example:8443"), harbor.Upstream);
        Assert.Equal("team-a", harbor.UpstreamRepositoryPrefix);
        Assert.Equal(new CredentialSource(null, "HARBOR_USER", "HARBOR_TOKEN"), harbor.Credential);
        Assert.Equal(new UpstreamTls($"{folder}/corp-ca.pem"), harbor.Tls);
        Assert.Equal("http://proxy.corp.example:3128", harbor.Proxy);
        Assert.Equal([KeyValuePair.Create("X-Cache-Chain", "millpond")], harbor.Headers);
        Assert.Equal([new Uri("https://sso.corp.example/token")], harbor.TokenRealms);
        Assert.True(harbor.PrivateRedirects);
        Assert.Equal(["**/secret-*"], harbor.Deny);
        Assert.Equal([new RuleListener(new("http://127.0.0.1:5001"), "docker-hub")], read.Listeners);
        Assert.Equal(["http://127.0.0.1:9090/"], read.OperationsListen.Select(l => l.ToString()));
        Assert.Equal(new StorageConfiguration(), read.Storage);
        Assert.Equal(new LogConfiguration(), read.Log);
    }

    [Fact]
    public void Every_value_may_be_given()
    {
        var read = ConfigurationFile.Right(
            """
            data: /srv/millpond
            defaults: {onUpstreamDelete: follow, minimumRate: 1MiB, timeouts: {connect: 1s, firstByte: 2s, revalidate: 500ms, idle: 4s}, limits: {fills: 1, requests: 2}, proxy: none, completeIndexes: all, revalidateAfter: 0s}
            storage: {limit: 100GB, headroom: 1GiB, partialsFor: 2d, orphanFills: 0, nearlyDone: 0B}
            negativeCache: {absent: 1s, refused: 0s}
            shutdown: {grace: 5m}
            log: {level: debug, format: text, access: false}
            trustedProxies: [10.0.0.0/8, 192.0.2.7, "fd00::/8"]
            """);

        Assert.Equal("/srv/millpond", read.Data);
        var rule = read.Rules[1];
        Assert.Equal(OnUpstreamDelete.Follow, rule.OnUpstreamDelete);
        Assert.Equal(1024 * 1024, rule.MinimumRate);
        Assert.Equal(new UpstreamTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(4)), rule.Timeouts);
        Assert.Equal(new UpstreamLimits(1, 2), rule.Limits);
        Assert.Equal("none", rule.Proxy);
        Assert.True(rule.CompleteIndexes.All);
        Assert.Equal(TimeSpan.Zero, rule.RevalidateAfter);
        Assert.Equal(new StorageConfiguration(new(100_000_000_000, 0), new(1L << 30, 0), TimeSpan.FromDays(2), 0, 0), read.Storage);
        Assert.Equal(new NegativeCacheConfiguration(TimeSpan.FromSeconds(1), TimeSpan.Zero), read.NegativeCache);
        Assert.Equal(TimeSpan.FromMinutes(5), read.ShutdownGrace);
        Assert.Equal(new LogConfiguration(LogLevel.Debug, LogFormat.Text, false), read.Log);
        Assert.Equal(["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"], read.TrustedProxies.Select(n => n.ToString()));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("off")]
    [InlineData("false")]
    public void Index_completion_can_be_switched_off_in_each_dialect_of_YAML(string word) =>
        Assert.True(ConfigurationFile.Right($"defaults: {{completeIndexes: all}}\nrules: [{{prefix: quay, completeIndexes: {word}}}]").Rules[0].CompleteIndexes.IsNone);

    [Theory]
    [InlineData("docker.io")]
    [InlineData("index.docker.io")]
    [InlineData("https://registry-1.docker.io")]
    [InlineData("https://Docker.IO/")]
    public void Docker_Hub_is_reached_at_its_real_host_under_any_prefix(string upstream)
    {
        var rule = ConfigurationFile.Right($"rules: [{{prefix: hub, upstream: '{upstream}'}}]").Rules[0];
        Assert.Equal(("docker.io", new Uri("https://registry-1.docker.io")), (rule.UpstreamName, rule.Upstream));
        Assert.Equal(Tier.ByRule, rule.Tier);
    }

    [Theory]
    [InlineData("gcr.io", "gcr.io", "https://gcr.io/")]
    [InlineData("https://gcr.io:443", "gcr.io", "https://gcr.io/")]
    [InlineData("harbor.corp.example:8443", "harbor.corp.example:8443", "https://harbor.corp.example:8443/")]
    [InlineData("http://127.0.0.1:5001", "127.0.0.1:5001", "http://127.0.0.1:5001/")]
    [InlineData("http://[::1]:5001/", "[::1]:5001", "http://[::1]:5001/")]
    [InlineData("localhost:5001", "localhost:5001", "https://localhost:5001/")]
    public void An_upstream_is_a_host_or_a_URL(string upstream, string name, string url)
    {
        var rule = ConfigurationFile.Right($"rules: [{{prefix: other, upstream: '{upstream}'}}]").Rules[0];
        Assert.Equal((name, url), (rule.UpstreamName, rule.Upstream.ToString()));
    }

    [Fact]
    public void A_rule_named_like_a_preset_stands_for_its_registry_wherever_it_is_asked()
    {
        var rule = ConfigurationFile.Right("presets: []\nrules: [{prefix: quay, upstream: 'http://127.0.0.1:5001'}]").Rules.Single();
        Assert.Equal(("quay.io", new Uri("http://127.0.0.1:5001"), Tier.Default), (rule.UpstreamName, rule.Upstream, rule.Tier));
    }

    /// <summary>The prefix is the other cache's: quay.io's own names do not have it.</summary>
    [Fact]
    public void A_preset_behind_another_cache_stands_for_its_registry()
    {
        var rule = ConfigurationFile.Right("rules: [{prefix: quay, upstream: mirror.corp.example, upstreamRepositoryPrefix: quay}]").Rules.Single(rule => rule.Prefix == "quay");
        Assert.Equal(("mirror.corp.example", "quay", "quay.io"), (rule.UpstreamName, rule.UpstreamRepositoryPrefix, Assert.Single(rule.StandsFor)));
    }

    [Fact]
    public void What_a_rule_stands_for_is_no_dormant_preset_any_more()
    {
        var read = ConfigurationFile.Right("rules: [{prefix: corp, upstream: mirror.corp.example, standsFor: [index.docker.io, Registry.Example:5000]}]");
        Assert.Equal(["docker.io", "registry.example:5000"], read.Rules.Single(rule => rule.Prefix == "corp").StandsFor);
        Assert.Equal(["ghcr", "gitlab"], read.DormantPresets.Select(preset => preset.Prefix));
    }

    [Fact]
    public void No_presets_means_no_answers_about_them_either()
    {
        var read = ConfigurationFile.Right("presets: []\nrules: [{prefix: ROOT, upstream: gcr.io}]");
        Assert.Equal(["ROOT"], read.Rules.Select(r => r.Prefix));
        Assert.Empty(read.DormantPresets);
    }

    [Fact]
    public void A_rule_overrides_single_values_of_the_defaults()
    {
        var read = ConfigurationFile.Right(
            """
            defaults: {timeouts: {connect: 1s, idle: 7s}, headers: {Via: "1"}, privateRedirects: true}
            rules: [{prefix: quay, timeouts: {connect: 2s}, headers: {X-Request-Id: "2"}, privateRedirects: false}]
            """);

        Assert.Equal(new UpstreamTimeouts() with { Connect = TimeSpan.FromSeconds(2), Idle = TimeSpan.FromSeconds(7) }, read.Rules[0].Timeouts);
        Assert.Equal([KeyValuePair.Create("X-Request-Id", "2")], read.Rules[0].Headers);
        Assert.False(read.Rules[0].PrivateRedirects);
        Assert.Equal([KeyValuePair.Create("Via", "1")], read.Rules[1].Headers);
        Assert.True(read.Rules[1].PrivateRedirects);
    }

    [Fact]
    public void Anchors_are_read()
    {
        var read = ConfigurationFile.Right("rules:\n- {prefix: quay, allow: &mine [\"a/**\"]}\n- {prefix: k8s, allow: *mine}\n");
        Assert.Equal(["a/**"], read.Rules[1].Allow);
    }

    [Fact]
    public void Localhost_is_the_loopback_address() =>
        Assert.Equal(["http://127.0.0.1:5003/"], ConfigurationFile.Right("listen: http://localhost:5003").Listen.Select(l => l.ToString()));

    [Fact]
    public void Listeners_beyond_loopback_are_read_when_access_is_said() =>
        Assert.Equal(2, ConfigurationFile.Right("listen: ['http://0.0.0.0:80', 'http://[::1]:81']\naccess: {mode: anonymous}").Listen.Length);

    [Fact]
    public void Health_and_metrics_may_be_asked_from_outside_without_an_access_mode() =>
        Assert.Single(ConfigurationFile.Right("operations: {listen: 'http://0.0.0.0:9090'}").OperationsListen);

    [Fact]
    public void Several_listeners_may_have_a_free_port_each() =>
        Assert.Equal(2, ConfigurationFile.Right("listen: ['http://127.0.0.1:0', 'http://127.0.0.1:0']").Listen.Length);
}
