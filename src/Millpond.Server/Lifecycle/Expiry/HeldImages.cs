using Millpond.Images;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>What is held of one repository, and when each is asked for again: after the time between runs, doubling to a day; sooner where the upstream had failed and answers again.</summary>
internal sealed class HeldImages
{
    private const int PageSize = 2000;

    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>What failed alone while its upstream answers for others is not asked for at every turn.</summary>
    private static readonly TimeSpan SoonAgain = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LongestSoonAgain = TimeSpan.FromMinutes(30);

    private readonly OriginRepository at;
    private readonly TimeSpan every;
    private readonly Dictionary<Digest, HeldRow> rows;

    private HeldImages(OriginRepository at, TimeSpan every, Dictionary<Digest, HeldRow> rows)
    {
        this.at = at;
        this.every = every;
        this.rows = rows;
    }

    public static async Task<HeldImages> ReadAsync(HeldTable table, OriginRepository at, TimeSpan every)
    {
        var rows = new Dictionary<Digest, HeldRow>();
        for (var after = ""; ;)
        {
            var page = await table.ListAsync(at, after, PageSize);
            foreach (var row in page)
            {
                rows[row.Digest] = row;
            }

            if (page.Count < PageSize)
            {
                return new(at, every, rows);
            }

            after = page[^1].Digest.ToString();
        }
    }

    /// <summary>Those that no rule chooses any more.</summary>
    public IReadOnlyList<Digest> Without(IReadOnlyList<Mark> marks)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        var chosen = marks.Select(mark => mark.Image.Digest).ToHashSet();
        return [.. rows.Keys.Where(digest => !chosen.Contains(digest))];
    }

    /// <summary>Whether an image that a rule chooses is to be asked for now.</summary>
    /// <param name="hasRecovered">Whether its upstream has answered well since a time.</param>
    public bool IsDue(Digest digest, DateTimeOffset now, Func<DateTimeOffset, bool> hasRecovered) =>
        !rows.TryGetValue(digest, out var row) || row.NextAt <= now || now < row.AskedAt
        || row.IsFailing && now - row.AskedAt >= Times(SoonAgain, row.Tries, LongestSoonAgain) && hasRecovered(row.AskedAt);

    /// <summary>The row of an image that is kept.</summary>
    public HeldRow Keep(Mark mark, GuardAnswer answer, DateTimeOffset now)
    {
        var before = rows.GetValueOrDefault(mark.Image.Digest);
        var tries = before is null ? 0 : Math.Min(before.Tries + 1, 30);
        return new(at, mark.Image.Digest, mark.Rule.Priority, answer.Why, answer.IsFailing, before?.Since ?? now, now, now + Times(every, tries, every > Longest ? every : Longest), tries);
    }

    private static TimeSpan Times(TimeSpan first, int doublings, TimeSpan longest) =>
        first >= longest || doublings > 20 || first * (1 << doublings) > longest ? longest : first * (1 << doublings);
}
