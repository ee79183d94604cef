using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Governing;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Governing;

public sealed class GovernedUpstreamsTests
{
    private static readonly PullThroughRule Plain = new()
    {
        Prefix = "plain",
        UpstreamName = "registry.example.com",
        Upstream = new("https://registry.example.com"),
    };

    [Fact]
    public void Rules_share_limits_only_where_they_are_the_same_to_the_upstream()
    {
        var same = Plain with { Prefix = "same" };
        var harmless = Plain with { Prefix = "harmless", Headers = [new("User-Agent", "me")] };
        var token = Plain with { Prefix = "token", Headers = [new("X-Api-Key", "one")] };
        var spelled = Plain with { Prefix = "spelled", Headers = [new("x-api-key", "one")] };
        var other = Plain with { Prefix = "other", Headers = [new("X-Api-Key", "two")] };
        var user = Plain with { Prefix = "user", Credential = new CredentialSource("/credential.json", null, null) };
        using var metrics = new MillpondMetrics();
        using var upstreams = new GovernedUpstreams(
            [Plain, same, harmless, token, spelled, other, user],
            rule => new UpstreamClient(rule, new UpstreamCredentials(), TimeProvider.System, NullLogger<UpstreamClient>.Instance), TimeProvider.System,
            metrics, NullLoggerFactory.Instance, TestContext.Current.CancellationToken);
        Assert.Same(upstreams[Plain].Governor, upstreams[same].Governor);
        Assert.Same(upstreams[Plain].Governor, upstreams[harmless].Governor);
        Assert.Same(upstreams[token].Governor, upstreams[spelled].Governor);
        Assert.Equal(4, new[] { Plain, token, other, user }.Select(rule => upstreams[rule].Governor).Distinct().Count());
    }

    [Fact]
    public void What_changes_leave_behind_is_kept_for_a_while_and_not_for_ever()
    {
        using var metrics = new MillpondMetrics();
        var made = new List<WeakReference>();
        using var upstreams = new GovernedUpstreams([], Connect, TimeProvider.System, metrics, NullLoggerFactory.Instance, TestContext.Current.CancellationToken);
        var rules = Enumerable.Range(0, 300).Select(i => Plain with { Headers = [new("X-Api-Key", $"{i}")] }).ToArray();
        foreach (var rule in rules)
        {
            upstreams.Change([rule]);
        }

        Assert.Same(rules[^2], upstreams[rules[^2]].Rule);
        Assert.Same(rules[^1], upstreams[rules[^1]].Rule);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.InRange(made.Count(client => client.IsAlive), 1, 100);

        UpstreamClient Connect(PullThroughRule rule)
        {
            var client = new UpstreamClient(rule, new UpstreamCredentials(), TimeProvider.System, NullLogger<UpstreamClient>.Instance);
            made.Add(new(client));
            return client;
        }
    }
}
