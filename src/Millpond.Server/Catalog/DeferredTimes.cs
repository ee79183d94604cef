using System.Collections.Concurrent;
using System.Data.Common;
using Dapper;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>
/// Check times of tags and last pulls of digests that are not written yet. Every pull brings some, so they are written together; a crash
/// loses the last of them, which costs a check or blurs the order of eviction a little.
/// </summary>
internal sealed class DeferredTimes
{
    private readonly ConcurrentDictionary<(RepositoryName Repository, string Tag), long> checks = [];
    private readonly ConcurrentDictionary<Digest, long> pulls = [];

    public bool IsEmpty => checks.IsEmpty && pulls.IsEmpty;

    public int PullCount => pulls.Count;

    public void Checked(RepositoryName repository, string tag, DateTimeOffset at) => checks[(repository, tag)] = at.ToUnixTimeMilliseconds();

    public void Pulled(Digest digest, DateTimeOffset at) => pulls[digest] = at.ToUnixTimeMilliseconds();

    /// <summary>The tag with its newest check time.</summary>
    public TagRow Over(TagRow row) =>
        checks.TryGetValue((row.Repository, row.Tag), out var at) ? row with { CheckedAt = DateTimeOffset.FromUnixTimeMilliseconds(at) } : row;

    /// <summary>The blob with its newest last pull.</summary>
    public BlobRow Over(BlobRow row) =>
        pulls.TryGetValue(row.Digest, out var at) ? row with { PulledAt = DateTimeOffset.FromUnixTimeMilliseconds(at) } : row;

    /// <summary>The tag is written with this check time itself; an older one that waits here must not come after it.</summary>
    public void ForgetCheck(RepositoryName repository, string tag, DateTimeOffset upTo)
    {
        if (checks.TryGetValue((repository, tag), out var at) && at <= upTo.ToUnixTimeMilliseconds())
        {
            checks.TryRemove(new((repository, tag), at));
        }
    }

    /// <summary>Writes what waits; entries that a reader needs until then stay until the commit.</summary>
    public async Task FlushAsync(CatalogWriter writer)
    {
        KeyValuePair<(RepositoryName Repository, string Tag), long>[] checksNow = [];
        KeyValuePair<Digest, long>[] pullsNow = [];
        await writer.WriteAsync(connection =>
        {
            // Taken on the writer's thread: a tag that moved meanwhile has already taken its older check time out.
            checksNow = [.. checks];
            pullsNow = [.. pulls];
            Write(connection, checksNow, pullsNow);
        });
        foreach (var check in checksNow)
        {
            checks.TryRemove(check);
        }

        foreach (var pull in pullsNow)
        {
            pulls.TryRemove(pull);
        }
    }

    private static void Write(
        DbConnection connection, KeyValuePair<(RepositoryName Repository, string Tag), long>[] checks, KeyValuePair<Digest, long>[] pulls)
    {
        connection.Execute(
            "UPDATE tags SET checked_at = @at WHERE repository = @repository AND tag = @tag",
            checks.Select(check => new { repository = check.Key.Repository.ToString(), tag = check.Key.Tag, at = check.Value }));
        var touched = pulls.Select(pull => new { digest = pull.Key.ToString(), at = pull.Value }).ToArray();
        connection.Execute("UPDATE blobs SET pulled_at = @at WHERE digest = @digest", touched);
        connection.Execute("UPDATE manifests SET pulled_at = @at WHERE digest = @digest", touched);
    }
}
