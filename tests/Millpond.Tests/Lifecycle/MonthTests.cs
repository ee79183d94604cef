using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Lifecycle;

/// <summary>
/// Six weeks of a cluster that pulls 60 images through the built-in policy: tags move to new versions and vanish upstream, and upstream is away for two
/// days in the middle. Whatever was pulled once is always there to be pulled, and what is kept stays within what the policy lets live.
/// </summary>
[Trait("Category", "Heavy")]
public sealed class MonthTests
{
    private const int Images = 60;
    private const int Versions = 3;
    private const int Days = 45;

    private static readonly TimeSpan Step = TimeSpan.FromHours(12);

    [Fact]
    public async Task Nothing_needed_is_ever_missing_and_what_is_kept_stays_within_the_policy_s_bound()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var built = Enumerable.Range(0, Images).Select(i => Enumerable.Range(0, Versions).Select(version => TestImages.OnePlatform((i * Versions) + version + 1, layers: 1)).ToArray()).ToArray();
        var current = new int[Images];
        var vanished = new HashSet<int>();
        for (var i = 0; i < Images; i++)
        {
            world.Upstream.Add(Name(i), built[i][0], "stable");
        }

        var random = new Random(3);
        var (pulls, most, upstreamManifests) = (0, 0, 0);
        for (var at = TimeSpan.Zero; at < TimeSpan.FromDays(Days); at += Step)
        {
            var day = (int)at.TotalDays;
            var isAway = day is 20 or 21;
            Change(world.Upstream, at, isAway);
            for (var i = 0; i < Images; i++)
            {
                // Nodes come and go: each step pulls two thirds of the images.
                if (random.Next(3) == 0)
                {
                    continue;
                }

                pulls++;
                var pull = await world.PullAsync("up/" + Name(i), "stable");
                Assert.True(pull.Status == 200, $"day {day}: {Name(i)}:stable was answered {pull.Status}");
            }

            var runs = world.Runs;
            world.Time.Advance(Step);
            await world.UntilRunAsync(runs + 1);
            if (at.Hours == 0 && day % 5 == 4)
            {
                var kept = 0;
                for (var i = 0; i < Images; i++)
                {
                    kept += (await world.ImagesAsync("up/" + Name(i))).Count;
                }

                most = Math.Max(most, kept);
            }
        }

        upstreamManifests = world.Upstream.Requests(RequestKind.Manifest).Count;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{pulls} pulls in {Days} days, {upstreamManifests} manifest requests upstream, at most {most} images kept, {(await world.HeldAsync()).Count} held at the end, {vanished.Count} vanished upstream");

        // Each version at most, and no more; and far fewer questions than pulls: a check a day for each image, an import a month, and the guard's.
        Assert.InRange(most, Images, Images * Versions);
        Assert.InRange(upstreamManifests, Images, (Images * Days * 2) + (Images * Versions * 8));
        Assert.All(vanished, i => Assert.Contains(world.Host.Log.Lines, line => line.Message.Contains($"policy held up/{Name(i)}@", StringComparison.Ordinal)));

        void Change(FakeUpstream upstream, TimeSpan time, bool isAway)
        {
            if (isAway)
            {
                upstream.GoDown();
                return;
            }

            upstream.ComeBack();
            for (var i = 0; i < Images; i++)
            {
                var version = Math.Min(Versions - 1, (int)((time.TotalDays + (i % 7)) / 14));
                if (version > current[i] && !vanished.Contains(i))
                {
                    current[i] = version;
                    upstream.Add(Name(i), built[i][version], "stable");
                }

                if (time.TotalDays >= 25 && i % 20 == 3 && vanished.Add(i))
                {
                    upstream.RemoveTag(Name(i), "stable");
                    upstream.RemoveManifest(Name(i), built[i][current[i]].Digest);
                }
            }
        }
    }

    private static string Name(int i) => $"team{i % 6}/app{i}";
}
