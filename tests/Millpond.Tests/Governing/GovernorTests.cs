using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Governing;

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
        governor = new Governor(Rule, time, metrics, NullLogger.Instance, TestContext.Current.CancellationToken);

    private static UpstreamResult<object> ServerError => new(UpstreamOutcome.ServerError, null, "it answered 500") { Status = 500 };

    private static UpstreamResult<object> Found => new(UpstreamOutcome.Found, new object(), "");

    public void Dispose() => metrics.Dispose();

    [Fact]
    public async Task Who_found_no_free_slot_in_time_says_nothing_of_the_upstream()
    {
        var release = new TaskCompletionSource<UpstreamResult<object>>();
        var running = governor.AskAsync(Inquiry("running"), _ => release.Task, CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            var waiting = governor.AskAsync<object>(
                new Inquiry($"waiting {i}", RequestReason.WarmUp) { QueuesFor = TimeSpan.FromSeconds(30), Within = TimeSpan.FromSeconds(30) },
                _ => throw new InvalidOperationException("Nobody may be asked."), CancellationToken.None);
            time.Advance(TimeSpan.FromSeconds(30));
            var result = await waiting;
            Assert.Equal(UpstreamOutcome.Throttled, result.Outcome);
            Assert.Contains("limits", result.Reason, StringComparison.Ordinal);
        }

        Assert.False(governor.IsOpen);
        release.SetResult(Found);
        Assert.True((await running).IsFound);
    }

    [Fact]
    public async Task Time_in_the_queue_is_not_taken_off_the_upstreams()
    {
        var release = new TaskCompletionSource<UpstreamResult<object>>();
        var running = governor.AskAsync(Inquiry("running"), _ => release.Task, CancellationToken.None);
        var asked = new TaskCompletionSource();
        var waiting = governor.AskAsync(
            new Inquiry("waiting", RequestReason.Pull) { QueuesFor = TimeSpan.FromSeconds(30), Within = TimeSpan.FromSeconds(30) },
            async token =>
            {
                // It waits before anybody moves the clock, who may do so at once.
                var answer = Task.Delay(TimeSpan.FromSeconds(20), time, token);
                asked.SetResult();
                await answer;
                return Found;
            },
            CancellationToken.None);
        time.Advance(TimeSpan.FromSeconds(20));
        release.SetResult(Found);
        await running;
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(20));
        Assert.True((await waiting).IsFound);
    }

    [Fact]
    public async Task Two_contents_without_an_answer_in_time_open_the_breaker_and_one_does_not_however_often()
    {
        foreach (var content in new[] { "a", "a", "a", "b" })
        {
            Assert.False(governor.IsOpen);
            var asked = governor.AskAsync(
                new Inquiry(content, RequestReason.Pull) { Within = TimeSpan.FromSeconds(5) },
                async token =>
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, token);
                    return Found;
                },
                CancellationToken.None);
            time.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal(UpstreamOutcome.Timeout, (await asked).Outcome);
        }

        Assert.True(governor.IsOpen);
    }

    [Fact]
    public async Task An_error_is_an_answer_and_is_held_against_its_content_alone()
    {
        var eager = new Governor(Rule, new EagerTime(), metrics, NullLogger.Instance, TestContext.Current.CancellationToken);
        var asked = 0;
        for (var i = 0; i < 5; i++)
        {
            var inquiry = Inquiry($"broken {i}");
            var broken = await eager.TwiceAsync(inquiry, () => AskAsync(inquiry, ServerError), CancellationToken.None);
            Assert.Equal(UpstreamOutcome.ServerError, broken.Outcome);
            var again = Inquiry($"broken {i}");
            var leftAlone = await eager.TwiceAsync(again, () => AskAsync(again, Found), CancellationToken.None);
            Assert.Equal(UpstreamOutcome.ServerError, leftAlone.Outcome);
            Assert.NotNull(leftAlone.RetryAfter);
            var healthy = Inquiry($"healthy {i}");
            Assert.True((await eager.TwiceAsync(healthy, () => AskAsync(healthy, Found), CancellationToken.None)).IsFound);
        }

        Assert.False(eager.IsOpen);
        Assert.Equal(15, asked);

        Task<UpstreamResult<object>> AskAsync(Inquiry inquiry, UpstreamResult<object> answer) => eager.AskAsync(
            inquiry,
            _ =>
            {
                asked++;
                return Task.FromResult(answer);
            },
            CancellationToken.None);
    }

    [Fact]
    public async Task Both_tries_of_one_pull_are_one_failure()
    {
        var eager = new Governor(Rule, new EagerTime(), metrics, NullLogger.Instance, TestContext.Current.CancellationToken);
        var refused = new UpstreamResult<object>(UpstreamOutcome.Unreachable, null, "refused") { IsOfConnection = true };
        for (var pull = 1; pull <= 2; pull++)
        {
            Assert.False(eager.IsOpen);
            var tries = 0;
            var inquiry = Inquiry("app");
            await eager.TwiceAsync(
                inquiry,
                () =>
                {
                    tries++;
                    return eager.AskAsync(inquiry, _ => Task.FromResult(refused), CancellationToken.None);
                },
                CancellationToken.None);

            // The second pull's first try opens it.
            Assert.Equal(3 - pull, tries);
        }

        Assert.True(eager.IsOpen);
    }

    [Fact]
    public async Task The_probe_repeats_what_failed_and_in_turn_what_was_wanted_meanwhile()
    {
        var probed = new List<string>();
        using var stopping = new CancellationTokenSource();
        var eager = new Governor(Rule, new EagerTime(), metrics, NullLogger.Instance, stopping.Token);
        foreach (var content in new[] { "a", "b" })
        {
            await eager.AskAsync(Inquiry(content), _ => AnswerAsync(content), CancellationToken.None);
        }

        Assert.True(eager.IsOpen);
        var refused = await eager.AskAsync(Inquiry("healthy"), _ => AnswerAsync("healthy"), CancellationToken.None);
        Assert.Equal(UpstreamOutcome.Unreachable, refused.Outcome);
        await eager.Closed.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal("healthy", probed[^1]);
        Assert.Contains("b", probed[2..]);

        Task<UpstreamResult<object>> AnswerAsync(string content)
        {
            probed.Add(content);
            return Task.FromResult(content == "healthy" ? Found : new UpstreamResult<object>(UpstreamOutcome.Timeout, null, "silence"));
        }
    }

    [Fact]
    public async Task What_waits_for_a_slot_goes_by_the_reason_it_has_when_one_is_free()
    {
        var order = new List<string>();
        var reason = RequestReason.WarmUp;
        var first = await governor.AskBodyAsync(new Inquiry("first", RequestReason.Pull), _ => Body("first"), CancellationToken.None);
        var other = governor.AskBodyAsync(new Inquiry("other", RequestReason.Completion), _ => Body("other"), CancellationToken.None);
        var joined = governor.AskBodyAsync(new Inquiry("joined", () => reason), _ => Body("joined"), CancellationToken.None);
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
        await governor.AskAsync(Inquiry("a"), _ => Task.FromResult(low), CancellationToken.None);
        foreach (var reason in Enum.GetValues<RequestReason>())
        {
            var result = await governor.AskAsync(new Inquiry("a", reason), _ => Task.FromResult(Found), CancellationToken.None);
            Assert.Equal(reason is RequestReason.Completion or RequestReason.WarmUp or RequestReason.Guard, result.Outcome == UpstreamOutcome.Throttled);
        }
    }

    [Fact]
    public async Task A_probe_that_fails_in_an_unforeseen_way_is_not_the_last()
    {
        var asked = 0;
        using var stopping = new CancellationTokenSource();
        var odd = new Governor(Rule, new EagerTime(), metrics, NullLogger.Instance, stopping.Token);
        foreach (var content in new[] { "a", "b" })
        {
            await odd.AskAsync(Inquiry(content), _ => AnswerAsync(), CancellationToken.None);
        }

        await odd.Closed.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(4, asked);

        Task<UpstreamResult<object>> AnswerAsync() => ++asked switch
        {
            <= 2 => Task.FromResult(new UpstreamResult<object>(UpstreamOutcome.Timeout, null, "silence")),
            3 => throw new InvalidOperationException("A fault of this program."),
            _ => Task.FromResult(Found),
        };
    }

    [Fact]
    public void A_client_that_joins_a_fill_of_background_work_makes_it_its_own()
    {
        var target = new RuleMatch(Rule, RepositoryName.Parse("up/app"), RepositoryName.Parse("app"));
        using var fill = new Fill(
            new RunningFills(null!, null!, 1, 1, time, CancellationToken.None), target, Digest.Sha256("x"u8), 1, RequestReason.WarmUp, isProven: true, 0, time, CancellationToken.None);
        Assert.Equal(RequestReason.WarmUp, fill.Reason);
        fill.TryJoin(target, RequestReason.Pull, isProven: true);
        fill.TryJoin(target, RequestReason.Completion, isProven: true);
        Assert.Equal(RequestReason.Pull, fill.Reason);
        Assert.Equal(RequestReason.WarmUp, fill.LedFor);
    }

    private static Inquiry Inquiry(string content) => new(content, RequestReason.Pull);
}
