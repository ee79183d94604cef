using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class CompletionTests
{
    private const int Capacity = 10_000;

    private static readonly ImmutableArray<Descriptor> Children = [new("x", Digest.Sha256("child"u8), 1, "linux/amd64", IsForeign: false)];
    private static readonly ManifestDocument Index = new(TestImages.OciIndex, null, null, Children, []);
    private static readonly RuleMatch Target = new(
        MillpondHost.Rule("up", FakeUpstream.RefusedAddress) with { CompleteIndexes = IndexCompletion.Everything },
        RepositoryName.Parse("up/team/app"), RepositoryName.Parse("team/app"));

    [Fact]
    public void An_index_is_queued_once()
    {
        var queue = new CompletionQueue();
        queue.Enqueue(Target, Numbered(1), Index);
        queue.Enqueue(Target, Numbered(1), Index);
        Assert.Equal(1, queue.Queue.Count);
    }

    [Fact]
    public void However_many_were_completed_new_ones_are_queued()
    {
        var queue = new CompletionQueue();
        for (var number = 0; number < 2 * Capacity; number++)
        {
            queue.Enqueue(Target, Numbered(number), Index);
            Assert.True(queue.Queue.TryRead(out _), $"The index {number} was not queued.");
        }
    }

    [Fact]
    public void What_a_full_queue_does_not_take_is_queued_by_its_next_pull()
    {
        var queue = new CompletionQueue();
        for (var number = 0; number <= Capacity; number++)
        {
            queue.Enqueue(Target, Numbered(number), Index);
        }

        Assert.Equal(Capacity, queue.Queue.Count);
        Assert.True(queue.Queue.TryRead(out _));
        queue.Enqueue(Target, Numbered(Capacity), Index);
        Assert.Equal(Capacity, queue.Queue.Count);
    }

    [Fact]
    public async Task However_long_a_rate_limit_is_low_the_index_is_completed_afterwards()
    {
        var time = new FakeTimeProvider();
        var index = TestImages.TwoPlatforms(seed: 111);
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 8, RateWindow = TimeSpan.FromHours(2), Time = time });
        upstream.Add("team/app", index, "1");
        for (var i = 0; i < 6; i++)
        {
            upstream.Add($"team/other{i}", TestImages.OnePlatform(seed: 112 + i), "1");
        }

        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }], new MillpondHostOptions { Time = time });
        for (var i = 0; i < 6; i++)
        {
            await host.PullManifestAsync($"up/team/other{i}", "1");
        }

        await host.PullManifestAsync("up/team/app", "1");
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("Completed index"), TimeSpan.FromMinutes(1));
        upstream.GoDown();
        await host.PullAsync("up/team/app", index, "1");
    }

    [Fact]
    public async Task What_a_stop_left_incomplete_is_completed_after_the_next_start()
    {
        var time = new FakeTimeProvider();
        var index = TestImages.TwoPlatforms(seed: 121);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", index, "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }], new MillpondHostOptions { Time = time });
        upstream.Arm(UpstreamFault.ServerError, times: int.MaxValue, kind: RequestKind.Blob);
        await host.PullManifestAsync("up/team/app", "1");
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("Completion of index"), TimeSpan.FromMinutes(1));
        upstream.DisarmAll();
        await host.RestartAsync();
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("Completed index"), TimeSpan.FromMinutes(1));
        upstream.GoDown();
        await host.PullAsync("up/team/app", index, "1");
    }

    [Fact]
    public async Task What_is_complete_costs_the_next_start_nothing()
    {
        var index = TestImages.TwoPlatforms(seed: 122);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", index, "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }]);
        await host.PullManifestAsync("up/team/app", "1");
        await host.Log.WhenLineAsync("Completed index");
        await host.RestartAsync();
        upstream.ClearRequests();
        upstream.Add("team/other", TestImages.TwoPlatforms(seed: 123), "1");
        await host.PullManifestAsync("up/team/other", "1");
        await host.Log.WhenLineAsync("of up/team/other");
        Assert.DoesNotContain(upstream.Requests(), request => request.Url.Contains("team/app", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_passed_through_for_want_of_room_is_not_complete()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.TwoPlatforms(seed: 124), "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }],
            new MillpondHostOptions { Configure = all => all with { Storage = all.Storage with { Limit = new(10, 0) } } });
        await host.PullManifestAsync("up/team/app", "1");
        await host.Log.WhenLineAsync("of up/team/app waits and is tried again");
    }

    private static Digest Numbered(int number) => Digest.Sha256(BitConverter.GetBytes(number));
}
