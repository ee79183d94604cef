using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Configuration;
using Millpond.Server.Lifecycle.Policies;
using Millpond.Server.Rules;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>
/// Expiry of a cache's images: only of those that could be pulled again. Each is asked for at its upstream first, with what speaks of it; all others are
/// held with the reason.
/// </summary>
internal sealed partial class GuardedExpiry(
    LifecycleConfiguration configuration, PullThroughRules rules, AvailabilityGuard guard, LifecycleTable table, Departures departures, TimeProvider time, ILogger<GuardedExpiry> log)
{
    /// <summary>Images that are asked for at once: behind every client, and not all of an upstream's slots.</summary>
    private const int AtOnce = 4;

    private const int Batch = 32;

    /// <summary>After so many failures one after the other the upstream is left alone: the rest of the run would fare no better.</summary>
    private const int MostFailures = 3;

    /// <summary>More referrers of one image are not asked for.</summary>
    private const int MostFollowers = 1000;

    /// <summary>How long a run asks for one repository's images: others must have their turn. The next run goes on.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <param name="images">All of the repository.</param>
    /// <param name="marks">Those that a rule chooses.</param>
    /// <param name="force">Whether they go whatever their upstream says.</param>
    /// <param name="cancellationToken">Ends it between two images.</param>
    public async Task<RunOutcome> RunAsync(OriginRepository at, IReadOnlyList<LifecycleImage> images, IReadOnlyList<Mark> marks, bool force, CancellationToken cancellationToken)
    {
        var held = await HeldImages.ReadAsync(table.Held, at, configuration.Every);
        foreach (var released in held.Without(marks).Chunk(Batch))
        {
            await table.Held.RemoveAsync(at, released);
        }

        var target = rules.FindListed(at.Name, null, null);
        if (force || !(target?.Rule.Guard ?? configuration.Guard))
        {
            return await departures.LeaveAsync(at, marks, cancellationToken);
        }

        var turn = new Turn(at, target is not null && guard.CanAsk(target, at) ? target : null, held, images);
        var outcome = default(RunOutcome);
        var begun = time.GetTimestamp();
        foreach (var batch in marks.Chunk(Batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (time.GetElapsedTime(begun) > Longest)
            {
                outcome += new RunOutcome(0, 0, 0, batch.Length);
                continue;
            }

            outcome += await RunAsync(turn, batch, cancellationToken);
        }

        return outcome;
    }

    private async Task<RunOutcome> RunAsync(Turn turn, Mark[] batch, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        List<Mark> due = [.. batch.Where(mark => turn.Held.IsDue(mark.Image.Digest, now, since => turn.Target is { } target && guard.HasRecovered(target, since)))];
        var answers = new GuardAnswer[due.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, due.Count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (index, token) => answers[index] = await AskAsync(turn, due[index].Image, token));

        var (shown, kept) = (new List<Mark>(), new List<HeldRow>());
        foreach (var (mark, answer) in due.Zip(answers))
        {
            if (answer.IsShown)
            {
                shown.Add(mark);
                continue;
            }

            kept.Add(turn.Held.Keep(mark, answer, now));
            Log.Held(log, turn.At.Name, mark.Image.Digest, mark.Rule.Priority, answer.Why);
        }

        var outcome = await departures.LeaveAsync(turn.At, shown, cancellationToken);
        await table.Held.PutAsync(kept);
        return outcome + new RunOutcome(0, 0, batch.Length - due.Count + kept.Count, 0);
    }

    private async Task<GuardAnswer> AskAsync(Turn turn, LifecycleImage image, CancellationToken cancellationToken)
    {
        if (turn.Target is not { } target)
        {
            return GuardAnswer.Absent("no rule pulls this repository from where it came from any more: this may be the last copy");
        }

        if (turn.Outage is { } outage)
        {
            return GuardAnswer.Failing(outage);
        }

        var answer = await guard.AskAsync(target, image.Digest, image.Size, image.Tags, cancellationToken);
        if (answer.IsShown)
        {
            answer = await AskFollowersAsync(turn, target, image.Digest, cancellationToken);
        }

        turn.Note(answer, MostFailures);
        return answer;
    }

    /// <summary>What speaks of the image goes with it, and may be the last copy too.</summary>
    private async Task<GuardAnswer> AskFollowersAsync(Turn turn, RuleMatch target, Digest digest, CancellationToken cancellationToken)
    {
        var waiting = new Queue<Digest>([digest]);
        var asked = new HashSet<Digest>();
        while (waiting.TryDequeue(out var subject))
        {
            foreach (var (follower, size) in await table.ListFollowersAsync(turn.At, subject, MostFollowers))
            {
                if (!asked.Add(follower))
                {
                    continue;
                }

                if (asked.Count >= MostFollowers)
                {
                    return GuardAnswer.Absent($"it has more than {MostFollowers} referrers, which are not all asked for");
                }

                var answer = await guard.AskAsync(target, follower, size, turn.TagsOf(follower), cancellationToken);
                if (!answer.IsShown)
                {
                    return answer with { Why = $"its referrer {follower}: {answer.Why}" };
                }

                waiting.Enqueue(follower);
            }
        }

        return GuardAnswer.Shown;
    }

    /// <summary>One repository's turn.</summary>
    /// <param name="target">Where its images are asked for; null where nobody can be asked.</param>
    private sealed class Turn(OriginRepository at, RuleMatch? target, HeldImages held, IReadOnlyList<LifecycleImage> images)
    {
        private readonly Lazy<Dictionary<Digest, LifecycleImage>> byDigest = new(() => images.Where(image => image.Follows).ToDictionary(image => image.Digest));
        private readonly Lock gate = new();
        private int failures;
        private string? outage;

        public OriginRepository At => at;

        public RuleMatch? Target => target;

        public HeldImages Held => held;

        /// <summary>Why nothing more is asked for in this turn.</summary>
        public string? Outage => Volatile.Read(ref outage);

        public IReadOnlyList<string> TagsOf(Digest digest) => byDigest.Value.TryGetValue(digest, out var image) ? image.Tags : [];

        public void Note(GuardAnswer answer, int most)
        {
            lock (gate)
            {
                failures = answer.IsFailing ? failures + 1 : 0;
                if (failures >= most)
                {
                    outage ??= answer.Why;
                }
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2201, LogLevel.Information, "audit: lifecycle policy held {Repository}@{Digest}, which rule {Priority} would have go: {Reason}")]
        public static partial void Held(ILogger logger, RepositoryName repository, Digest digest, long priority, string reason);
    }
}
