using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;

namespace Millpond.Tests.Images;

public sealed class NameMapTests
{
    private static readonly RuleNames Quay = new("quay", "quay.io");
    private static readonly RuleNames Kubernetes = new("k8s", "registry.k8s.io", null);
    private static readonly RuleNames Hub = new("docker-hub", "docker.io", null);
    private static readonly RuleNames Harbor = new("team-a/harbor", "harbor.corp.example:8443", "team-a");
    private static readonly RuleNames HarborAll = new("harbor", "harbor.corp.example:8443", null);
    private static readonly RuleNames Nested = new("quay/inner", "inner.example", null);
    private static readonly RuleNames Root = new(RuleNames.Root, "root.example", null);

    private static readonly RuleNames[] Mappings = [Quay, Kubernetes, Hub, Harbor, HarborAll, Nested];

    private readonly NameMap map = new(Mappings);
    private readonly NameMap withRoot = new([.. Mappings, Root]);

    [Theory]
    [InlineData("quay/prometheus/prometheus", "quay", "prometheus/prometheus")]
    [InlineData("k8s/pause", "k8s", "pause")]
    [InlineData("k8s/library/x", "k8s", "library/x")]
    [InlineData("docker-hub/nginx", "docker-hub", "library/nginx")]
    [InlineData("docker-hub/library/nginx", "docker-hub", "library/nginx")]
    [InlineData("docker-hub/grafana/loki", "docker-hub", "grafana/loki")]
    [InlineData("team-a/harbor/app", "team-a/harbor", "team-a/app")]
    [InlineData("quay/inner/x", "quay/inner", "x")]
    [InlineData("quay/inner2/x", "quay", "inner2/x")]
    public void The_longest_prefix_gives_the_upstream_name(string local, string prefix, string upstream)
    {
        Assert.True(map.TryToUpstream(RepositoryName.Parse(local), out var match));
        Assert.Equal(prefix, match.Rule.Prefix);
        Assert.Equal(upstream, match.Upstream.ToString());
    }

    [Theory]
    [InlineData("quay2/x")]
    [InlineData("quay")]
    [InlineData("xquay/a")]
    [InlineData("team-a/x")]
    [InlineData("nginx")]
    public void Without_a_whole_prefix_there_is_no_match(string local)
    {
        Assert.False(map.TryToUpstream(RepositoryName.Parse(local), out _));
        Assert.True(withRoot.TryToUpstream(RepositoryName.Parse(local), out var match));
        Assert.Equal(new NameMatch(Root, RepositoryName.Parse(local), RepositoryName.Parse(local)), match);
    }

    [Fact]
    public void A_one_part_name_on_Docker_Hub_is_one_repository_in_every_spelling()
    {
        NameMatch[] all =
        [
            Upstream("docker-hub/nginx"),
            Upstream("docker-hub/library/nginx"),
            Mirror("docker.io", "nginx"),
            Mirror("index.docker.io", "library/nginx"),
            Mirror("Registry-1.Docker.IO", "docker-hub/nginx"),
            Mirror("registry.hub.docker.com", "docker-hub/library/nginx"),
            Under(Hub, "nginx"),
            Under(Hub, "library/nginx"),
            Under(Hub, "docker-hub/nginx"),
        ];
        Assert.Equal([new NameMatch(Hub, RepositoryName.Parse("docker-hub/library/nginx"), RepositoryName.Parse("library/nginx"))], all.Distinct());
    }

    [Theory]
    [InlineData("quay.io", "prometheus/prometheus", "quay/prometheus/prometheus")]
    [InlineData("quay.io", "quay/prometheus/prometheus", "quay/prometheus/prometheus")]
    [InlineData("QUAY.io", "k8s/x", "quay/k8s/x")]
    [InlineData("registry.k8s.io", "quay/x", "k8s/quay/x")]
    [InlineData("harbor.corp.example:8443", "team-a/app", "team-a/harbor/app")]
    [InlineData("harbor.corp.example:8443", "team-b/app", "harbor/team-b/app")]
    [InlineData("harbor.corp.example:8443", "team-a/harbor/app", "team-a/harbor/app")]
    [InlineData("quay.io", "inner/x", null)] // its name here would be quay/inner/x, which belongs to inner.example
    [InlineData("harbor.corp.example", "team-a/app", null)]
    [InlineData("docker.com", "nginx", null)]
    public void A_mirror_request_finds_the_repository_by_its_registry(string ns, string path, string? local)
    {
        Assert.Equal(local is not null, map.TryFromMirror(ns, RepositoryName.Parse(path), out var match));
        Assert.Equal(local ?? "", match.Local.ToString());
    }

    [Fact]
    public void Under_ROOT_a_name_that_belongs_to_another_rule_does_not_exist()
    {
        var root = new NameMap([Quay, new(RuleNames.Root, "docker.io", null)]);
        Assert.False(root.TryFromMirror("docker.io", RepositoryName.Parse("quay/x"), out _));
        Assert.True(root.TryFromMirror("docker.io", RepositoryName.Parse("nginx"), out var match));
        Assert.Equal(("library/nginx", "library/nginx"), (match.Local.ToString(), match.Upstream.ToString()));
    }

    [Fact]
    public void A_name_that_would_be_too_long_here_does_not_match()
    {
        var path = RepositoryName.Parse(new string('a', 252));
        Assert.False(map.TryToLocal("quay.io", path, out _));
        Assert.True(map.TryToLocal("registry.k8s.io", RepositoryName.Parse(new string('a', 251)), out _));
    }

    [Fact]
    public void Two_mappings_of_one_prefix_are_refused() => Assert.Throws<ArgumentException>(() => new NameMap([Quay, Quay with { UpstreamName = "x.example" }]));

    [Fact]
    public void The_way_upstream_and_back_ends_where_it_began() =>
        Prop.ForAll(ReferenceGenerators.Path.Arb(), path =>
        {
            if (!RepositoryName.TryParse(path, out var local) || !withRoot.TryToUpstream(local, out var match))
            {
                return !RepositoryName.TryParse(path, out _) || UpstreamNameIsTooLong(local);
            }

            return withRoot.TryToUpstream(match.Local, out var again) && again == match
                && withRoot.TryToLocal(match.Rule.UpstreamName, match.Upstream, out var back)
                && back.Upstream == match.Upstream
                && (back == match || back.Rule.UpstreamRepositoryPrefix is not null);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_way_here_and_back_ends_where_it_began() =>
        Prop.ForAll(ReferenceGenerators.Path.Arb(), Gen.Elements(Mappings).Arb(), (path, mapping) =>
            !RepositoryName.TryParse(path, out var upstream)
            || !map.TryToLocal(mapping.UpstreamName, upstream, out var match)
            || (map.TryToUpstream(match.Local, out var back) && back == match)).QuickCheckThrowOnFailure();

    [Fact]
    public void A_match_by_prefix_always_has_a_whole_part_in_front() =>
        Prop.ForAll(ReferenceGenerators.Path.Arb(), path =>
            !RepositoryName.TryParse(path, out var local)
            || !map.TryToUpstream(local, out var match)
            || path.StartsWith(match.Rule.Prefix + "/", StringComparison.Ordinal)).QuickCheckThrowOnFailure();

    [Fact]
    public void Both_forms_of_a_mirror_request_reach_one_repository() =>
        Prop.ForAll(ReferenceGenerators.Path.Arb(), Gen.Elements(Quay, Kubernetes, Hub).Arb(), (path, mapping) =>
            !RepositoryName.TryParse(path, out var upstream)
            || path.StartsWith(mapping.Prefix + "/", StringComparison.Ordinal)
            || !map.TryFromMirror(mapping.UpstreamName, upstream, out var bare)
            || !RepositoryName.TryParse(mapping.Prefix + "/" + path, out var prefixed)
            || (map.TryFromMirror(mapping.UpstreamName, prefixed, out var whole) && whole == bare)).QuickCheckThrowOnFailure();

    private static bool UpstreamNameIsTooLong(RepositoryName local) => local.ToString().Length > RepositoryName.MaxLength - 10;

    private NameMatch Upstream(string local) => map.TryToUpstream(RepositoryName.Parse(local), out var match) ? match : default;

    private NameMatch Mirror(string ns, string path) => map.TryFromMirror(ns, RepositoryName.Parse(path), out var match) ? match : default;

    private NameMatch Under(RuleNames mapping, string path) => map.TryUnder(mapping, RepositoryName.Parse(path), out var match) ? match : default;
}
