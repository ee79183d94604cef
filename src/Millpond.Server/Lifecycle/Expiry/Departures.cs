using System.Globalization;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>Takes images out of their repository, or archives them: in small transactions, since pulls' commits wait behind each, and with a line for every one.</summary>
internal sealed partial class Departures(LifecycleTable table, MillpondMetrics metrics, TimeProvider time, ILogger<Departures> log)
{
    /// <summary>Images of one transaction: some milliseconds.</summary>
    private const int Batch = 50;

    private const int MostTagsNamed = 20;

    public async Task<RunOutcome> LeaveAsync(OriginRepository at, IEnumerable<Mark> marks, CancellationToken cancellationToken)
    {
        var outcome = default(RunOutcome);
        foreach (var batch in marks.Chunk(Batch))
        {
            foreach (var action in batch.GroupBy(mark => mark.Rule.Action))
            {
                cancellationToken.ThrowIfCancellationRequested();
                outcome += await LeaveAsync(at, [.. action], action.Key);
            }

            await Task.Yield();
        }

        return outcome;
    }

    private async Task<RunOutcome> LeaveAsync(OriginRepository at, IReadOnlyList<Mark> marks, LifecycleAction action)
    {
        var now = time.GetUtcNow();
        var gone = (await GoAsync(marks)).ToHashSet();
        foreach (var mark in marks.Where(mark => !gone.Contains(mark.Image.Digest)))
        {
            // Changed since it was looked at; or it has so many referrers that they go before it, some at a time.
            while (!gone.Contains(mark.Image.Digest) && await GoAsync([mark]) is { Count: > 0 } more)
            {
                gone.UnionWith(more);
            }
        }

        var left = 0;
        foreach (var mark in marks)
        {
            if (gone.Remove(mark.Image.Digest))
            {
                Tell(at, mark, now);
            }
            else
            {
                left++;
            }
        }

        foreach (var follower in gone)
        {
            Log.Followed(log, Word(action), at.Name, follower);
        }

        var count = marks.Count - left + gone.Count;
        metrics.ImagesLeft(Word(action), count);
        return action == LifecycleAction.Expire ? new(count, 0, 0, left) : new(0, count, 0, left);

        Task<IReadOnlyList<Digest>> GoAsync(IReadOnlyList<Mark> those)
        {
            IReadOnlyList<Departure> departures = [.. those.Select(mark => new Departure(mark.Image, MayBePulled: mark.Rule.CountType != CountType.SinceImagePulled))];
            return action == LifecycleAction.Expire ? table.ExpireAsync(at, departures, now) : table.ArchiveAsync(at, departures, now);
        }
    }

    private void Tell(OriginRepository at, Mark mark, DateTimeOffset now)
    {
        var (image, rule) = (mark.Image, mark.Rule);
        var age = (now - DateTimeOffset.FromUnixTimeMilliseconds(PolicyEvaluation.CountedFrom(rule.CountType, image))).TotalDays;
        var tags = string.Join(", ", image.Tags.Take(MostTagsNamed)) + (image.Tags.Count > MostTagsNamed ? $" and {image.Tags.Count - MostTagsNamed} more" : "");
        Log.Left(log, Word(rule.Action), at.Name, image.Digest, tags, rule.Priority, age.ToString("0.0", CultureInfo.InvariantCulture), rule.CountType);
    }

    private static string Word(LifecycleAction action) => action == LifecycleAction.Expire ? "expired" : "archived";

    private static partial class Log
    {
        [LoggerMessage(2101, LogLevel.Information, "audit: lifecycle policy {Action} {Repository}@{Digest} (tags: {Tags}): rule {Priority}, {Age} days ({CountType})")]
        public static partial void Left(ILogger logger, string action, RepositoryName repository, Digest digest, string tags, long priority, string age, CountType countType);

        [LoggerMessage(2102, LogLevel.Information, "audit: lifecycle policy {Action} {Repository}@{Digest} with the image that it speaks of")]
        public static partial void Followed(ILogger logger, string action, RepositoryName repository, Digest digest);
    }
}
