using System.Collections.Concurrent;
using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog;

/// <summary>
/// Check times of tags and last pulls of digests that are not written yet. Every pull brings some, so they are written together; a crash
/// loses the last of them, which costs a check or blurs the order of eviction a little.
/// </summary>
internal sealed class DeferredTimes(TimeProvider time)
{
    /// <summary>Times written in one transaction, so that no other write waits long behind them.</summary>
    private const int WrittenAtOnce = 256;

    /// <summary>Entries of each kind, some 20 MB: a catalog that cannot be written for hours must not collect them without end.</summary>
    private const int Capacity = 100_000;

    private readonly ConcurrentDictionary<(RepositoryName Repository, Origin Origin, string Tag), long> checks = [];
    private readonly ConcurrentDictionary<Digest, long> pulls = [];
    private readonly ConcurrentDictionary<(RepositoryName Repository, Digest Digest), long> renewals = [];

    public bool IsEmpty => checks.IsEmpty && pulls.IsEmpty && renewals.IsEmpty;

    public void Checked(OriginRepository at, string tag, DateTimeOffset when) => Set(checks, (at.Name, at.Origin, tag), when.ToUnixTimeMilliseconds());

    public void Pulled(Digest digest, DateTimeOffset at) => Set(pulls, digest, at.ToUnixTimeMilliseconds());

    /// <summary>A pushed blob was asked for by HEAD.</summary>
    public void Renewed(RepositoryName repository, Digest digest, DateTimeOffset at) => Set(renewals, (repository, digest), at.ToUnixTimeMilliseconds());

    /// <summary>The tag with its newest check time.</summary>
    public TagRow Over(OriginRepository at, TagRow row) =>
        checks.TryGetValue((at.Name, at.Origin, row.Tag), out var when) && IsNews(row.CheckedAt.ToUnixTimeMilliseconds(), when)
            ? row with { CheckedAt = DateTimeOffset.FromUnixTimeMilliseconds(when) }
            : row;

    /// <summary>The blob with its newest last pull.</summary>
    public BlobRow Over(BlobRow row) =>
        pulls.TryGetValue(row.Digest, out var at) && at > row.PulledAt.ToUnixTimeMilliseconds()
            ? row with { PulledAt = DateTimeOffset.FromUnixTimeMilliseconds(at) }
            : row;

    /// <summary>The tag was written with a check time of its own: an older one that waits here says nothing of it.</summary>
    public void ForgetCheck(OriginRepository at, string tag, DateTimeOffset upTo)
    {
        var key = (at.Name, at.Origin, tag);
        if (checks.TryGetValue(key, out var when) && when <= upTo.ToUnixTimeMilliseconds())
        {
            checks.TryRemove(new(key, when));
        }
    }

    /// <summary>Writes what waits; entries that a reader needs until then stay until the commit.</summary>
    public async Task FlushAsync(CatalogWriter writer)
    {
        // In the order in which they happened: the manifest that was pulled last is whose layer is pulled. Of a copy that the dictionary makes: to order
        // it itself, its length is taken first and its content later, which throws where a pull comes between.
        foreach (var some in pulls.ToArray().OrderBy(static pull => pull.Value).Chunk(WrittenAtOnce))
        {
            await writer.WriteAsync(connection => Array.ForEach(some, pull => EvictionWrites.Pulled(connection, pull.Key.ToString(), pull.Value)));
            Array.ForEach(some, pull => pulls.TryRemove(pull));
        }

        foreach (var some in renewals.Chunk(WrittenAtOnce))
        {
            await writer.WriteAsync(connection => connection.RunEach(
                "UPDATE links SET renewed_at = @at WHERE digest = @digest AND repository = @repository AND origin = 0 AND renewed_at < @at",
                some.Select(one => new { digest = one.Key.Digest.ToString(), repository = one.Key.Repository.ToString(), at = one.Value })));
            Array.ForEach(some, one => renewals.TryRemove(one));
        }

        foreach (var some in checks.Chunk(WrittenAtOnce))
        {
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            await writer.WriteAsync(connection => WriteChecks(connection, some, now));
            Array.ForEach(some, check => checks.TryRemove(check));
        }
    }

    /// <summary>
    /// Forward, so that a tag that was moved meanwhile keeps the time it was moved at; and back only from a time in the future, which a clock that
    /// was wrong has left.
    /// </summary>
    private static void WriteChecks(
        DbConnection connection, KeyValuePair<(RepositoryName Repository, Origin Origin, string Tag), long>[] checks, long now) => connection.RunEach(
        """
        UPDATE tags SET checked_at = @at
        WHERE repository = @repository AND tag = @tag AND origin = @origin AND (checked_at < @at OR checked_at > @now)
        """,
        checks.Select(check => new
        {
            repository = check.Key.Repository.ToString(),
            tag = check.Key.Tag,
            origin = check.Key.Origin.Id,
            at = check.Value,
            now,
        }));

    private static void Set<TKey>(ConcurrentDictionary<TKey, long> times, TKey key, long at)
        where TKey : notnull
    {
        if (!times.ContainsKey(key) && times.Count >= Capacity)
        {
            return;
        }

        times[key] = at;
    }

    private bool IsNews(long written, long waiting) => waiting > written || written > time.GetUtcNow().ToUnixTimeMilliseconds();
}
