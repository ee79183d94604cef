using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Server.Configuration;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Push;

namespace Millpond.Tests.Lifecycle;

/// <summary>A server with one rule, over a clock that the test moves, and its owner's calls.</summary>
internal sealed class LifecycleWorld : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(1);

    private readonly AwsClient owner;

    private LifecycleWorld(FakeUpstream upstream, MillpondHost host, EagerTime time)
    {
        (Upstream, Host, Time) = (upstream, host, time);
        owner = AwsClient.Root(host, time);
    }

    public FakeUpstream Upstream { get; }

    public MillpondHost Host { get; }

    public EagerTime Time { get; }

    private AwsClient Owner => owner with { Address = Host.Address };

    /// <summary>Policies run only when the test has them run: the server's own first run is over, and the next one is decades away.</summary>
    public static async Task<LifecycleWorld> StartByHandAsync()
    {
        var world = await StartAsync(every: TimeSpan.FromDays(10_000));
        await world.UntilRunAsync();
        return world;
    }

    public static async Task<LifecycleWorld> StartAsync(
        Func<PullThroughRule, PullThroughRule>? rule = null, TemporaryFolder? data = null, FakeUpstreamOptions? upstreamOptions = null, bool allowErrors = false,
        TimeSpan? every = null)
    {
        var time = new EagerTime();
        var upstream = await FakeUpstream.StartAsync(upstreamOptions);
        var host = await MillpondHost.StartAsync([(rule ?? (same => same))(MillpondHost.Rule("up", upstream))], new()
        {
            Time = time,
            Data = data,
            AllowErrors = allowErrors,
            Configure = configuration => configuration with { Lifecycle = configuration.Lifecycle with { Every = every ?? configuration.Lifecycle.Every } },
        });
        return new(upstream, host, time);
    }

    public PushClient Pusher(string repository) => new(Host, repository);

    /// <summary>An operation that must succeed.</summary>
    public async Task<JsonNode> EcrAsync(string operation, object input) => Ok(await Owner.EcrAsync(operation, JsonSerializer.Serialize(input)));

    public Task<AwsAnswer> TryEcrAsync(string operation, object input) => Owner.EcrAsync(operation, JsonSerializer.Serialize(input));

    public async Task<JsonNode> OwnAsync(string operation, object input) => Ok(await Owner.OwnAsync(operation, JsonSerializer.Serialize(input)));

    public Task PutPolicyAsync(string repository, string rule) => EcrAsync("PutLifecyclePolicy", new { repositoryName = repository, lifecyclePolicyText = PolicyOf(rule) });

    public static string PolicyOf(params string[] rules) =>
        $$"""{"rules":[{{string.Join(',', rules.Select((rule, index) => $$"""{"rulePriority":{{index + 1}},"description":"of a test, and long enough for a policy of a hundred characters",{{rule}}}"""))}}]}""";

    /// <summary>Runs a repository's policy now, to its end.</summary>
    public async Task<(int Expired, int Archived, int Held)> RunAsync(string repository, bool force = false)
    {
        var answer = await OwnAsync("RunLifecycle", new { repositoryName = repository, force });
        Assert.False((bool)answer["isRunning"]!);
        return ((int)answer["expired"]!, (int)answer["archived"]!, (int)answer["held"]!);
    }

    public async Task<IReadOnlyList<JsonNode>> ImagesAsync(string repository) =>
        [.. (await EcrAsync("DescribeImages", new { repositoryName = repository }))["imageDetails"]!.AsArray().Select(image => image!)];

    public async Task<IReadOnlyList<JsonNode>> HeldAsync(string? repository = null) =>
        [.. (await OwnAsync("ListHeldImages", new { repositoryName = repository }))["heldImages"]!.AsArray().Select(image => image!)];

    /// <summary>A pull by tag or digest: its status and what <c>Millpond-Cache</c> says.</summary>
    public async Task<(int Status, string Cache)> PullAsync(string repository, string reference, HttpMethod? method = null)
    {
        using var response = await Host.ManifestAsync(repository, reference, method);
        return ((int)response.StatusCode, response.Headers.TryGetValues("Millpond-Cache", out var values) ? values.Single() : "");
    }

    /// <summary>Moves the clock on by minutes until what the server does by itself has come.</summary>
    public async Task UntilAsync(Func<Task<bool>> condition)
    {
        // Not while a request is under way: its signature would be minutes old when it comes.
        var patience = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(patience.Elapsed < Patience.Limit, "What was waited for did not come.");
            Time.Advance(Tick);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    /// <summary>Moves the clock on by minutes until so many runs over all policies have ended.</summary>
    public Task UntilRunAsync(int times = 1) => Time.AdvanceUntilAsync(Host.Log.WhenLineAsync("lifecycle run over", times), Tick);

    public int Runs => Host.Log.Lines.Count(line => line.Message.Contains("lifecycle run over", StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Upstream.DisposeAsync();
    }

    private static JsonNode Ok(AwsAnswer answer)
    {
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }
}
