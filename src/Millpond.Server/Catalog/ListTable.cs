using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog;

/// <summary>
/// Upstreams' lists, kept for outages: tags, referrers. They come page by page under a number that no list has yet, and one write makes them
/// the list; nobody holds one whole, and a page of it costs a page.
/// </summary>
public sealed class ListTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly Action<long> recorded;
    private readonly ConcurrentDictionary<long, bool> coming = [];

    /// <param name="recorded">Told what manifests and lists take, after each write that changes it.</param>
    internal ListTable(ReadPool reads, CatalogWriter writer, Action<long> recorded)
    {
        this.reads = reads;
        this.writer = writer;
        this.recorded = recorded;
    }

    /// <param name="key"><c>tags</c>, or <c>referrers:</c> and a digest.</param>
    public ValueTask<ListRow?> FindAsync(OriginRepository at, string key) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT entries, count, cut_at, checked_at FROM lists WHERE repository = @k0 AND key = @k1 AND origin = @k2",
        row => new ListRow(
            row.GetInt64(0), row.GetInt64(1), row.IsDBNull(2) ? null : row.GetInt64(2), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(3))),
        at.Name.ToString(), key, at.Origin.Id));

    /// <summary>Entries after <paramref name="after"/>, in the order of their bytes.</summary>
    /// <param name="type">Only those of this type; null for all.</param>
    public ValueTask<IReadOnlyList<ListEntry>> PageAsync(long entries, string? after, string? type, int limit) => reads.ReadAsync(connection =>
        connection.ListAsync(
            static row => new ListEntry(row.GetString(0), row.Text(1), row.Bytes(2)),
            $"""
            SELECT name, type, content FROM list_entries
            WHERE list = @entries AND name > @after {(type is null ? "" : "AND type = @type")} ORDER BY name LIMIT @limit
            """,
            new { entries, after = after ?? "", type, limit }));

    /// <summary>Whether a kept list of referrers in the repository names the digest.</summary>
    public async ValueTask<bool> NamesReferrerAsync(OriginRepository at, Digest digest) => await reads.ReadAsync(connection => connection.FindAsync(
        """
        SELECT 1 FROM lists l JOIN list_entries e ON e.list = l.entries
        WHERE l.repository = @k0 AND l.key > 'referrers:' AND l.origin = @k1 AND e.name = @k2 LIMIT 1
        """,
        _ => true, at.Name.ToString(), at.Origin.Id, digest.ToString()));

    /// <summary>Begins a list that is to come. Disposed, what has come of it goes again, unless it was put.</summary>
    public ComingList Begin(OriginRepository at, string key)
    {
        var entries = BitConverter.ToInt64(Guid.NewGuid().ToByteArray()) & long.MaxValue;
        coming[entries] = true;
        return new ComingList(this, at, key, entries);
    }

    /// <summary>Deletes some of the entries that no list names; whether more are left.</summary>
    internal async Task<bool> SweepAsync()
    {
        var loose = await reads.ReadAsync(connection => connection.ListAsync(static row => row.GetInt64(0), "SELECT list FROM loose_entries ORDER BY list LIMIT 1000"));
        if (loose.FirstOrDefault(list => !coming.ContainsKey(list), -1) is not (>= 0 and var next))
        {
            return false;
        }

        await writer.WriteAsync(connection => ListWrites.Sweep(connection, next));
        return true;
    }

    internal async Task<int> AppendAsync(long entries, IReadOnlyCollection<ListEntry> page)
    {
        var added = 0;
        await writer.WriteAsync(connection => added = ListWrites.Append(connection, entries, page));
        return added;
    }

    internal Task PutAsync(OriginRepository at, string key, ListRow row, long cost)
    {
        var now = 0L;
        return writer.WriteAsync(
            connection =>
            {
                if (row.Count > 0)
                {
                    writer.Repositories.Put(connection, at);
                }

                ListWrites.Put(connection, at, key, row, cost);
                now = CatalogWrites.RecordedBytes(connection);
            },
            committed: () => recorded(now));
    }

    internal void End(long entries) => coming.TryRemove(entries, out _);
}

/// <summary>A list on its way from upstream.</summary>
public sealed class ComingList : IDisposable
{
    private readonly ListTable lists;
    private readonly OriginRepository at;
    private readonly string key;
    private readonly long entries;

    internal ComingList(ListTable lists, OriginRepository at, string key, long entries)
    {
        this.lists = lists;
        this.at = at;
        this.key = key;
        this.entries = entries;
    }

    /// <summary>Entries that have come, each counted once.</summary>
    public long Count { get; private set; }

    /// <summary>What they take in the catalog.</summary>
    public long Cost { get; private set; }

    /// <summary>Takes a page; how many of its entries had not come before.</summary>
    public async Task<int> AddAsync(IReadOnlyCollection<ListEntry> page)
    {
        if (page.Count == 0)
        {
            return 0;
        }

        var added = await lists.AppendAsync(entries, page);
        Count += added;
        Cost += added == 0 ? 0 : page.Sum(static entry => entry.Cost) * added / page.Count;
        return added;
    }

    /// <summary>From here on the list is what has come.</summary>
    /// <param name="isCut">Whether upstream has more.</param>
    public async Task<ListRow> PutAsync(bool isCut, DateTimeOffset now)
    {
        var row = new ListRow(entries, Count, isCut ? Count : null, now);
        await lists.PutAsync(at, key, row, Cost);
        return row;
    }

    /// <inheritdoc/>
    public void Dispose() => lists.End(entries);
}
