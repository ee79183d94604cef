using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class GovernorTests : IDisposable
{
    private static readonly PullThroughRule Rule = new()
    {
        Prefix = "up",
        UpstreamName = "registry.example.com",
        Upstream = new("https://registry.example.com"),
        Limits = new UpstreamLimits(Fills: 1, Requests: 1),
    };

    private readonly FakeTimeProvider time = new();
    private readonly MillpondMetrics metrics = new();
    private readonly Governor governor;

    public GovernorTests() =>
        governor = new Governor(_ => Task.FromResult(Found), Rule, time, metrics, NullLogger.Instance, TestContext.Current.CancellationToken);

    private static UpstreamResult<object> Found => new(UpstreamOutcome.Found, new object(), "");

    public void Dispose() => metrics.Dispose();

    [Fact]
    public async Task Who_found_no_free_slot_in_time_says_nothing_of_the_upstream()
    {
        var release = new TaskCompletionSource<UpstreamResult<object>>();
        var running = governor.AskAsync(RequestReason.Pull, _ => release.Task, CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            using var bound = new CancellationTokenSource();
            var waiting = governor.AskAsync<object>(RequestReason.WarmUp, _ => throw new InvalidOperationException("Nobody may be asked."), bound.Token);
            await bound.CancelAsync();
            var cause = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

            var result = governor.TimedOut<object>(RequestReason.WarmUp, "no answer", cause);
            Assert.Equal(UpstreamOutcome.Throttled, result.Outcome);
            Assert.Contains("limits", result.Reason, StringComparison.Ordinal);
        }

        Assert.False(governor.IsOpen);
        release.SetResult(Found);
        Assert.True((await running).IsFound);
    }

    [Fact]
    public async Task Who_has_a_slot_and_gets_no_answer_counts_against_the_upstream()
    {
        for (var i = 0; i < 2; i++)
        {
            using var bound = new CancellationTokenSource();
            var asked = governor.AskAsync(
                RequestReason.Pull, token => Task.FromCanceled<UpstreamResult<object>>(new CancellationToken(canceled: true)), bound.Token);
            var cause = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
            Assert.Equal(UpstreamOutcome.Timeout, governor.TimedOut<object>(RequestReason.Pull, "no answer", cause).Outcome);
        }

        Assert.True(governor.IsOpen);
    }

    [Fact]
    public async Task What_waits_for_a_slot_goes_by_the_reason_it_has_when_one_is_free()
    {
        var order = new List<string>();
        var reason = RequestReason.WarmUp;
        var first = await governor.AskBodyAsync(() => RequestReason.Pull, _ => Body("first"), CancellationToken.None);
        var other = governor.AskBodyAsync(() => RequestReason.Completion, _ => Body("other"), CancellationToken.None);
        var joined = governor.AskBodyAsync(() => reason, _ => Body("joined"), CancellationToken.None);
        reason = RequestReason.Pull;

        first.Value!.Dispose();
        (await joined).Value!.Dispose();
        (await other).Value!.Dispose();
        Assert.Equal(["first", "joined", "other"], order);

        Task<UpstreamResult<BlobBody>> Body(string name)
        {
            order.Add(name);
            return Task.FromResult(new UpstreamResult<BlobBody>(UpstreamOutcome.Found, new BlobBody(Stream.Null, 0, 0, 0, Stream.Null), ""));
        }
    }

    [Fact]
    public async Task When_little_is_left_only_background_work_is_refused()
    {
        var low = Found with { RateLimit = new RateLimit(100, 25, TimeSpan.FromHours(6)) };
        await governor.AskAsync(RequestReason.Pull, _ => Task.FromResult(low), CancellationToken.None);
        foreach (var reason in Enum.GetValues<RequestReason>())
        {
            var result = await governor.AskAsync(reason, _ => Task.FromResult(Found), CancellationToken.None);
            Assert.Equal(reason is RequestReason.Completion or RequestReason.WarmUp, result.Outcome == UpstreamOutcome.Throttled);
        }
    }

    [Fact]
    public async Task A_probe_that_fails_in_an_unforeseen_way_is_not_the_last()
    {
        var pings = 0;
        using var stopping = new CancellationTokenSource();
        var odd = new Governor(
            _ => ++pings == 1 ? throw new InvalidOperationException("A fault of this program.") : Task.FromResult(Found), Rule, new EagerTime(), metrics,
            NullLogger.Instance, stopping.Token);
        odd.BodyFailed("one");
        odd.BodyFailed("two");
        await odd.Closed.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(2, pings);
    }

    [Fact]
    public void A_client_that_joins_a_fill_of_background_work_makes_it_its_own()
    {
        var target = new RuleMatch(Rule, RepositoryName.Parse("up/app"), RepositoryName.Parse("app"));
        using var fill = new Fill(
            new Fills(null!, 1, 1, time, CancellationToken.None), target, Digest.Sha256("x"u8), 1, RequestReason.WarmUp, time, CancellationToken.None);
        Assert.Equal(RequestReason.WarmUp, fill.Reason);
        fill.TryJoin(RequestReason.Pull);
        fill.TryJoin(RequestReason.Completion);
        Assert.Equal(RequestReason.Pull, fill.Reason);
        Assert.Equal(RequestReason.WarmUp, fill.LedFor);
    }
}
