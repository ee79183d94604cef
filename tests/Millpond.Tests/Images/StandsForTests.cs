using Millpond.Images;

namespace Millpond.Tests.Images;

/// <summary>A rule whose upstream is a cache itself: references name the registries that it stands for.</summary>
public sealed class StandsForTests
{
    private static readonly RuleNames Chain = new("corp", "mirror.corp.example", "quay") { StandsFor = ["quay.io"] };
    private static readonly RuleNames Hub = new("hub", "hub.corp.example") { StandsFor = ["docker.io"] };
    private static readonly RuleNames Inner = new("quay", "quay.io", "prometheus");

    private readonly NameMap map = new([Chain, Hub]);
    private readonly RewriteRules rules = new(RegistryAddress.Parse("cache.example.com"), [new(Chain), new(Hub)]);

    [Theory]
    [InlineData("quay.io", "prometheus/prometheus", "corp/prometheus/prometheus", "quay/prometheus/prometheus")]
    [InlineData("QUAY.io", "corp/x", "corp/x", "quay/x")]
    [InlineData("mirror.corp.example", "quay/x", "corp/x", "quay/x")]
    [InlineData("docker.io", "nginx", "hub/library/nginx", "library/nginx")]
    [InlineData("index.docker.io", "grafana/loki", "hub/grafana/loki", "grafana/loki")]
    [InlineData("hub.corp.example", "library/nginx", "hub/library/nginx", "library/nginx")]
    [InlineData("hub.corp.example", "hub/nginx", "hub/library/nginx", "library/nginx")]
    public void Mirror_mode_finds_it_by_each_registry(string ns, string path, string local, string upstream)
    {
        Assert.True(map.TryFromMirror(ns, RepositoryName.Parse(path), out var match));
        Assert.Equal((local, upstream), (match.Local.ToString(), match.Upstream.ToString()));
        Assert.True(map.TryFromMirror(match.Rule, ns, RepositoryName.Parse(path), out var alone));
        Assert.Equal(match, alone);
        Assert.True(map.TryToUpstream(match.Local, out var back));
        Assert.Equal(match, back);
    }

    [Fact]
    public void At_the_upstream_itself_its_repository_prefix_is_part_of_the_name() =>
        Assert.False(map.TryFromMirror("mirror.corp.example", RepositoryName.Parse("other/x"), out _));

    /// <summary>The longer prefix is nearer; of two that begin alike the upstream's own rule.</summary>
    [Fact]
    public void Beside_a_rule_for_a_part_of_the_registry_the_rest_is_taken()
    {
        var both = new NameMap([Chain, Inner]);
        Assert.True(both.TryToLocal("quay.io", RepositoryName.Parse("prometheus/node"), out var part));
        Assert.True(both.TryToLocal("quay.io", RepositoryName.Parse("coreos/etcd"), out var rest));
        Assert.Equal(("quay/node", "corp/coreos/etcd"), (part.Local.ToString(), rest.Local.ToString()));
    }

    [Theory]
    [InlineData("quay.io/coreos/etcd:v3", "cache.example.com/corp/coreos/etcd:v3", "quay.io/coreos/etcd:v3")]
    [InlineData("mirror.corp.example/quay/coreos/etcd:v3", "cache.example.com/corp/coreos/etcd:v3", "quay.io/coreos/etcd:v3")]
    [InlineData("nginx", "cache.example.com/hub/library/nginx", "nginx")]
    public void References_are_rewritten_and_come_back_as_the_registry_that_is_stood_for(string reference, string rewritten, string restored)
    {
        Assert.Equal(rewritten, rules.Rewrite(reference).Reference);
        Assert.Equal(restored, rules.Restore(rewritten).Reference);
    }

    [Theory]
    [InlineData("quay.io", "cache.example.com/corp")]
    [InlineData("docker.io", "cache.example.com/hub")]
    [InlineData("hub.corp.example", "cache.example.com/hub")]
    [InlineData("mirror.corp.example", null)]
    public void A_registry_alone_is_named_by_the_rule_that_stands_for_it(string host, string? expected) => Assert.Equal(expected, rules.RegistryFor(host));
}
