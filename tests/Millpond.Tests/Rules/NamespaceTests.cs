using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Tests.Rules;

/// <summary>What <c>?ns=</c> and a path's own prefix say together.</summary>
public sealed class NamespaceTests
{
    private static readonly PullThroughRules Rules = new(new()
    {
        Rules =
        [
            Rule("quay", "quay.io"),
            Rule("corp", "mirror.corp.example") with { UpstreamRepositoryPrefix = "k8s", StandsFor = ["registry.k8s.io"] },
            Rule("harbor", "harbor.corp.example") with { Deny = ["secret/**"], Hosts = ["harbor.cache.example"] },
            Rule(RuleNames.Root, "root.example"),
        ],
        DormantPresets = [.. Preset.All.Where(preset => preset.Prefix == "ghcr")],
    });

    [Theory]
    [InlineData("harbor/team/app", "quay.corp.example", "harbor/team/app", "team/app")]
    [InlineData("corp/pause", "k8s.corp.example", "corp/pause", "k8s/pause")]
    [InlineData("pause", "registry.k8s.io", "corp/pause", "k8s/pause")]
    [InlineData("corp/pause", "registry.k8s.io", "corp/pause", "k8s/pause")]
    [InlineData("harbor/team/app", "quay.io", "quay/harbor/team/app", "harbor/team/app")] // a known registry says what is meant
    public void A_prefix_in_the_path_wins_over_a_namespace_that_nobody_knows(string asked, string ns, string repository, string upstream)
    {
        var match = Rules.Resolve(RepositoryName.Parse(asked), ns, "cache.example", null).Match;
        Assert.Equal((repository, upstream), (match?.Repository.ToString(), match?.UpstreamRepository.ToString()));
    }

    [Theory]
    [InlineData("team/app", "nowhere.example", RuleVerdict.UnknownNamespace)] // ROOT is no prefix that a path could name
    [InlineData("harborx/app", "nowhere.example", RuleVerdict.UnknownNamespace)]
    [InlineData("harbor/secret/app", "nowhere.example", RuleVerdict.Denied)]
    [InlineData("ghcr/a/b", "nowhere.example", RuleVerdict.Dormant)]
    public void Without_one_it_stays_refused(string asked, string ns, RuleVerdict expected) =>
        Assert.Equal(expected, Rules.Resolve(RepositoryName.Parse(asked), ns, "cache.example", null).Verdict);

    [Theory]
    [InlineData("harbor/team/app", "nowhere.example", RuleVerdict.Matched)]
    [InlineData("team/app", "nowhere.example", RuleVerdict.UnknownNamespace)]
    [InlineData("harbor/team/app", "quay.io", RuleVerdict.UnknownNamespace)]
    [InlineData("quay/team/app", "nowhere.example", RuleVerdict.UnknownNamespace)]
    public void A_rules_own_host_gives_that_rules_prefix_alone(string asked, string ns, RuleVerdict expected) =>
        Assert.Equal(expected, Rules.Resolve(RepositoryName.Parse(asked), ns, "harbor.cache.example", null).Verdict);

    [Fact]
    public void A_rules_own_listener_answers_for_what_it_stands_for() =>
        Assert.Equal("corp/pause", Rules.Resolve(RepositoryName.Parse("pause"), "registry.k8s.io", "cache.example", "corp").Match?.Repository.ToString());

    private static PullThroughRule Rule(string prefix, string upstream) => new() { Prefix = prefix, UpstreamName = upstream, Upstream = new Uri($"https://{upstream}") };
}
