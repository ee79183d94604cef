using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Tests.Rules;

public sealed class PullThroughRulesTests
{
    private static readonly ServerConfiguration Configured = new()
    {
        PublicUrl = new Uri("https://cache.corp.example"),
        Rules =
        [
            Rule("quay", "quay.io") with { Hosts = ["quay.cache.corp.example"] },
            Rule("k8s", "registry.k8s.io"),
            Rule("docker-hub", "docker.io") with { Allow = ["library/**", "grafana/**"] },
            Rule("team-a/harbor", "harbor.corp.example:8443") with { UpstreamRepositoryPrefix = "team-a", Allow = ["**"], Deny = ["**/secret-*"] },
        ],
        DormantPresets = [.. Preset.All.Where(preset => preset.Prefix is "ghcr" or "gitlab")],
    };

    private readonly PullThroughRules rules = new(Configured);

    [Theory]
    [InlineData("quay/a/b", null, "quay/a/b", "a/b")]
    [InlineData("docker-hub/nginx", null, "docker-hub/library/nginx", "library/nginx")]
    [InlineData("docker-hub/library/nginx", null, "docker-hub/library/nginx", "library/nginx")]
    [InlineData("nginx", "docker.io", "docker-hub/library/nginx", "library/nginx")]
    [InlineData("library/nginx", "index.docker.io", "docker-hub/library/nginx", "library/nginx")]
    [InlineData("docker-hub/nginx", "registry-1.docker.io", "docker-hub/library/nginx", "library/nginx")]
    [InlineData("quay/a/b", "quay.io", "quay/a/b", "a/b")]
    [InlineData("a/b", "quay.io", "quay/a/b", "a/b")]
    [InlineData("team-a/app", "harbor.corp.example:8443", "team-a/harbor/app", "team-a/app")]
    public void A_pull_is_matched(string asked, string? ns, string repository, string upstream)
    {
        var resolution = Resolve(asked, ns);
        Assert.Equal(RuleVerdict.Matched, resolution.Verdict);
        Assert.Equal("", resolution.Reason);
        Assert.Equal(repository, resolution.Match?.Repository.ToString());
        Assert.Equal(upstream, resolution.Match?.UpstreamRepository.ToString());
    }

    [Theory]
    [InlineData("cache.corp.example", "10.0.0.1:5000")] // by publicUrl
    [InlineData("CACHE.corp.example", null)]
    [InlineData("mill.local:5000", "mill.local:5000")] // by the Host header
    [InlineData("mill.local:5000", "mill.local")]
    [InlineData("quay.cache.corp.example", "10.0.0.1")] // by a rule's hosts
    [InlineData("", "mill.local")]
    public void A_namespace_that_names_this_server_is_ignored(string ns, string? host) =>
        Assert.Equal("quay/a/b", Resolve("quay/a/b", ns, host).Match?.Repository.ToString());

    [Theory]
    [InlineData("a/b", "quay.io", "quay/a/b")]
    [InlineData("quay/a/b", "quay.io", "quay/a/b")]
    [InlineData("a/b", "quay.cache.corp.example", "quay/a/b")] // names this server
    public void A_rules_own_host_and_listener_take_its_own_registry_as_namespace(string asked, string ns, string repository)
    {
        Assert.Equal(repository, Resolve(asked, ns, "quay.cache.corp.example").Match?.Repository.ToString());
        Assert.Equal(repository, Resolve(asked, ns, listener: "quay").Match?.Repository.ToString());
    }

    [Theory]
    [InlineData("registry.k8s.io")]
    [InlineData("docker.io")]
    [InlineData("evil.example")]
    public void A_rules_own_host_and_listener_give_no_other_rule(string ns)
    {
        foreach (var resolution in new[] { Resolve("pause", ns, "quay.cache.corp.example"), Resolve("pause", ns, listener: "quay") })
        {
            Assert.Equal(RuleVerdict.UnknownNamespace, resolution.Verdict);
            Assert.Contains("quay.io", resolution.Reason, StringComparison.Ordinal);
            Assert.Contains(ns, resolution.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_namespace_on_a_rules_own_listener_gives_the_name_upstream_and_that_rule()
    {
        var two = new PullThroughRules(new()
        {
            Rules =
            [
                Rule("whole", "harbor.example"),
                Rule("part", "harbor.example") with { UpstreamRepositoryPrefix = "team" },
            ],
        });
        var asked = RepositoryName.Parse("team/app");
        Assert.Equal("whole/team/app", two.Resolve(asked, "harbor.example", null, "whole").Match?.Repository.ToString());
        var part = two.Resolve(asked, "harbor.example", null, "part").Match;
        Assert.Equal("part/app", part?.Repository.ToString());
        Assert.Equal("team/app", part?.UpstreamRepository.ToString());
        Assert.Equal(RuleVerdict.NoRule, two.Resolve(RepositoryName.Parse("other/app"), "harbor.example", null, "part").Verdict);
    }

    [Theory]
    [InlineData("docker-hub/library/nginx", null, null, true)]
    [InlineData("docker-hub/private/app", null, null, false)] // outside allow
    [InlineData("team-a/harbor/secret-x", null, null, false)] // denied
    [InlineData("ghcr/fluxcd/flux-cli", null, null, false)] // dormant
    [InlineData("old/app", null, null, false)] // no rule
    [InlineData("quay/a/b", "quay.cache.corp.example", null, true)]
    [InlineData("k8s/pause", "quay.cache.corp.example", null, false)]
    [InlineData("k8s/pause", null, "quay", false)]
    [InlineData("k8s/pause", null, "k8s", true)]
    public void A_list_names_what_a_pull_may_have(string repository, string? host, string? listener, bool expected) =>
        Assert.Equal(expected, rules.FindListed(RepositoryName.Parse(repository), host, listener) is not null);

    [Theory]
    [InlineData("evil.example", null)]
    [InlineData("quay.io:443", null)]
    [InlineData("localhost:5001", "localhost:5000")] // another registry on the same machine
    [InlineData("mill.local.evil.example", "mill.local")]
    public void An_unknown_namespace_is_refused(string ns, string? host)
    {
        var resolution = Resolve("a/b", ns, host);
        Assert.Equal(RuleVerdict.UnknownNamespace, resolution.Verdict);
        Assert.Contains(ns, resolution.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ghcr/fluxcd/source-controller", null)]
    [InlineData("fluxcd/source-controller", "ghcr.io")]
    [InlineData("ghcr/fluxcd/source-controller", "GHCR.io")]
    public void A_dormant_preset_says_what_to_write(string asked, string? ns)
    {
        var resolution = Resolve(asked, ns);
        Assert.Equal(RuleVerdict.Dormant, resolution.Verdict);
        Assert.Null(resolution.Match);
        Assert.Contains("{prefix: ghcr, credential: {file: FILE}, allow: [\"**\"]}", resolution.Reason, StringComparison.Ordinal);
        Assert.Contains("{prefix: ghcr, anonymous: true}", resolution.Reason, StringComparison.Ordinal);
        Assert.Contains("personal access token with read:packages", resolution.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', resolution.Reason);
    }

    [Theory]
    [InlineData("docker.io", "nginx")]
    [InlineData("registry-1.docker.io", "library/nginx")]
    [InlineData(null, "docker-hub/nginx")]
    public void Docker_Hub_is_dormant_by_every_name(string? ns, string asked)
    {
        var defaults = new PullThroughRules(new ServerConfiguration
        {
            Rules = [Rule("quay", "quay.io"), Rule(RuleNames.Root, "root.example")],
            DormantPresets = [.. Preset.All.Where(preset => preset.Tier == Tier.OptIn)],
        });
        Assert.Equal(RuleVerdict.Dormant, defaults.Resolve(RepositoryName.Parse(asked), ns, null, null).Verdict);
        // What is under no preset goes to ROOT.
        Assert.Equal("root.example", defaults.Resolve(RepositoryName.Parse("dockerhub/x"), null, null, null).Match?.Rule.UpstreamName);
    }

    [Theory]
    [InlineData("docker-hub/velero/velero", null, "docker-hub")]
    [InlineData("velero/velero", "docker.io", "docker-hub")]
    [InlineData("team-a/harbor/x/secret-app", null, "team-a/harbor")]
    [InlineData("team-a/harbor/secret-app", null, "team-a/harbor")]
    public void What_a_rule_does_not_allow_is_denied_on_every_way_in(string asked, string? ns, string prefix)
    {
        var resolution = Resolve(asked, ns);
        Assert.Equal(RuleVerdict.Denied, resolution.Verdict);
        Assert.Equal(prefix, resolution.Match?.Rule.Prefix);
        Assert.Contains("allow", resolution.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("grafana/loki", "docker-hub/grafana/loki")]
    [InlineData("docker-hub/nginx", "docker-hub/library/nginx")]
    [InlineData("nginx", "docker-hub/library/nginx")]
    public void A_listener_of_a_rule_takes_the_path_with_and_without_the_prefix(string asked, string repository) =>
        Assert.Equal(repository, Resolve(asked, listener: "docker-hub").Match?.Repository.ToString());

    [Theory]
    [InlineData("a/b", "quay.cache.corp.example", "quay/a/b")]
    [InlineData("quay/a/b", "QUAY.cache.corp.example:443", "quay/a/b")]
    [InlineData("k8s/pause", "quay.cache.corp.example", "quay/k8s/pause")]
    [InlineData("k8s/pause", "other.corp.example", "k8s/pause")]
    public void A_host_name_of_a_rule_needs_no_prefix(string asked, string host, string repository) =>
        Assert.Equal(repository, Resolve(asked, host: host).Match?.Repository.ToString());

    [Theory]
    [InlineData("quay2/x", null, "quay (quay.io)")]
    [InlineData("quay.io/prometheus/prometheus", null, "quay/prometheus/prometheus")]
    [InlineData("docker.io/nginx", null, "docker-hub/library/nginx")]
    [InlineData("team-b/app", "harbor.corp.example:8443", "upstreamRepositoryPrefix")]
    public void Without_a_rule_the_reason_helps(string asked, string? ns, string hint)
    {
        var resolution = Resolve(asked, ns);
        Assert.Equal(RuleVerdict.NoRule, resolution.Verdict);
        Assert.Contains(hint, resolution.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Allow_and_deny_can_be_asked_for_a_name_upstream()
    {
        var harbor = rules.Find("team-a/harbor");
        Assert.NotNull(harbor);
        Assert.True(rules.Allows(harbor, RepositoryName.Parse("team-a/app")));
        Assert.False(rules.Allows(harbor, RepositoryName.Parse("team-a/secret-app")));
        Assert.False(rules.Allows(harbor, RepositoryName.Parse("team-b/app")));
        Assert.Null(rules.Find("quay2"));
    }

    [Fact]
    public void Asked_again_it_is_the_same_resolution_and_costs_no_memory()
    {
        var asked = RepositoryName.Parse("quay/prometheus/prometheus");
        var first = rules.Resolve(asked, null, "mill.local:5000", null);
        rules.Resolve(asked, null, "mill.local:5000", null);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var second = rules.Resolve(asked, null, "mill.local:5000", null);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Same(first, second);
    }

    [Fact]
    public void Made_up_names_do_not_grow_the_memo_and_leave_what_is_in_use()
    {
        var memo = new ResolutionMemo(bytes: 100_000);
        var used = new ResolutionKey(RepositoryName.Parse("quay/in/use"), null, null);
        var resolution = new RuleResolution(RuleVerdict.NoRule, null);
        memo.Add(used, resolution);
        for (var i = 0; i < 10_000; i++)
        {
            memo.Add(new ResolutionKey(RepositoryName.Parse("quay/made-up-" + i), null, null), resolution);
            Assert.True(memo.TryGet(used, out _));
        }

        Assert.InRange(memo.Count, 1, 400);
    }

    private static PullThroughRule Rule(string prefix, string upstream) =>
        new() { Prefix = prefix, UpstreamName = upstream, Upstream = new Uri("https://" + upstream) };

    private RuleResolution Resolve(string asked, string? ns = null, string? host = null, string? listener = null) =>
        rules.Resolve(RepositoryName.Parse(asked), ns, host, listener);
}
