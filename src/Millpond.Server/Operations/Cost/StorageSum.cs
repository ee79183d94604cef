using Millpond.Server.Access;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;

namespace Millpond.Server.Operations.Cost;

/// <summary>
/// Adds up what is stored, in pages and in the order of digests: memory is taken by repositories and prefixes, not by what they hold. Used
/// once.
/// </summary>
internal sealed class StorageSum(CatalogDatabase catalog, IReadOnlyList<PullThroughRule> rules, DateTimeOffset now)
{
    /// <summary>Some ten milliseconds' worth; other readers have connections of their own.</summary>
    private const int PageSize = 4000;

    /// <summary>Rules that were deleted leave prefixes behind; more of them are one.</summary>
    private const int MostPrefixes = 1000;

    private const string OtherPrefixes = "(others)";

    private readonly Dictionary<string, Prefix> prefixes = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Name, long Origin), Repository> repositories = [];
    private readonly UseSum whole = new(now);

    /// <summary>The digest that is being read: who has it, and how long the most patient of them keeps it.</summary>
    private readonly List<(Prefix Prefix, int? KeptDays)> owners = [];
    private UseRow? last;

    public async Task<(IReadOnlyList<PrefixUse> Prefixes, long Bytes, long Projected)> AddUpAsync(CancellationToken cancellationToken)
    {
        await ReadRepositoriesAsync(await ReadPoliciesAsync(cancellationToken), cancellationToken);
        IReadOnlyList<UseRow> page;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            page = await catalog.Control.Uses.ListAsync(last, PageSize);
            foreach (var row in page)
            {
                Add(row);
            }
        }
        while (page.Count == PageSize);
        EndDigest();
        foreach (var repository in repositories.Values.Where(static repository => repository.IsImage))
        {
            repository.Prefix.Images++;
        }

        return ([.. prefixes.Values.Select(prefix => prefix.ToUse()).OrderBy(use => use.Tier == PrefixUse.Pushed).ThenBy(use => use.Prefix, StringComparer.Ordinal)], whole.Bytes, whole.Projected());
    }

    private void Add(UseRow row)
    {
        if (last is null || last.Digest != row.Digest)
        {
            EndDigest();
        }

        var repository = Of(row);
        var prefix = repository.Prefix;

        // A repository that has it from two origins has it once.
        if (last is null || last.Digest != row.Digest || last.Repository != row.Repository)
        {
            prefix.Ecr.Add(row.Bytes, row.StoredAt, repository.KeptDays);
            prefix.Versions += row.IsVersion ? 1 : 0;
            repository.IsImage |= row.IsVersion;
        }

        var known = owners.FindIndex(owner => ReferenceEquals(owner.Prefix, prefix));
        if (known < 0)
        {
            owners.Add((prefix, repository.KeptDays));
        }
        else
        {
            owners[known] = (prefix, Longer(owners[known].KeptDays, repository.KeptDays));
        }

        last = row;
    }

    private void EndDigest()
    {
        if (last is null || owners.Count == 0)
        {
            return;
        }

        var kept = owners[0].KeptDays;
        foreach (var (prefix, days) in owners)
        {
            prefix.Unique.Add(last.Bytes, last.StoredAt, days);
            kept = Longer(kept, days);
        }

        whole.Add(last.Bytes, last.StoredAt, kept);
        owners.Clear();
    }

    /// <summary>Null is for ever.</summary>
    private static int? Longer(int? one, int? other) => one is null || other is null ? null : Math.Max(one.Value, other.Value);

    private async Task<Dictionary<string, int>> ReadPoliciesAsync(CancellationToken cancellationToken)
    {
        var days = new Dictionary<string, int>(StringComparer.Ordinal);
        var (lastText, lastDays) = ("", (int?)null);
        var name = "";
        while (await catalog.Control.Settings.ListAsync(RepositorySettings.LifecycleKind, name, PageSize) is { Count: > 0 } page)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var row in page)
            {
                // Most have one text, that of a template.
                (lastText, lastDays) = row.Value == lastText ? (lastText, lastDays) : (row.Value, ExpiryAge.Of(row.Value));
                if (lastDays is { } found)
                {
                    days[row.Name] = found;
                }
            }

            name = page[^1].Name;
        }

        return days;
    }

    private async Task ReadRepositoriesAsync(Dictionary<string, int> keptDays, CancellationToken cancellationToken)
    {
        var (name, origin) = ("", Origin.Last);
        while (await catalog.ListRepositoriesAsync(name, origin, PageSize) is { Count: > 0 } page)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var row in page)
            {
                var text = row.Name.ToString();
                var prefix = PrefixOf(row.Origin == Origin.None ? null : row.Rule ?? "");
                repositories[(text, row.Origin.Id)] = new Repository(prefix, keptDays.TryGetValue(text, out var days) ? days : null);
            }

            (name, origin) = (page[^1].Name.ToString(), page[^1].Origin);
        }
    }

    /// <summary>One that came into being meanwhile, or whose row is gone, is nobody's in particular.</summary>
    private Repository Of(UseRow row)
    {
        if (!repositories.TryGetValue((row.Repository, row.Origin), out var repository))
        {
            repository = new(PrefixOf(row.Origin == Origin.None.Id ? null : ""), null);
            repositories.Add((row.Repository, row.Origin), repository);
        }

        return repository;
    }

    /// <param name="rule">The prefix of the rule; empty where it is not known, null where there is none.</param>
    private Prefix PrefixOf(string? rule)
    {
        var name = rule ?? PrefixUse.Pushed;
        if (rule is null)
        {
            // No rule can be called so: a prefix is a path of repositories, and this is none that anybody pulls by.
            name = "\0" + name;
        }
        else if (rule.Length == 0 || prefixes.Count >= MostPrefixes && !prefixes.ContainsKey(rule))
        {
            name = OtherPrefixes;
        }

        if (!prefixes.TryGetValue(name, out var prefix))
        {
            var current = rules.FirstOrDefault(one => one.Prefix == name);
            prefix = new(
                rule is null ? PrefixUse.Pushed : name, current?.UpstreamName,
                rule is null ? PrefixUse.Pushed : current is null or { IsRetired: true } ? PrefixUse.Former : RulesReport.Text(current.Tier), now);
            prefixes.Add(name, prefix);
        }

        return prefix;
    }

    private sealed class Repository(Prefix prefix, int? keptDays)
    {
        public Prefix Prefix => prefix;

        public int? KeptDays => keptDays;

        public bool IsImage { get; set; }
    }

    private sealed class Prefix(string name, string? upstream, string tier, DateTimeOffset now)
    {
        public long Images { get; set; }

        public long Versions { get; set; }

        /// <summary>Each digest counted once.</summary>
        public UseSum Unique { get; } = new(now);

        /// <summary>Each digest counted once for each repository.</summary>
        public UseSum Ecr { get; } = new(now);

        public PrefixUse ToUse() => new(
            name, upstream, tier, Images, Versions, Unique.Bytes, Ecr.Bytes, Unique.KeptDays, Unique.Overdue, Unique.Projected(), Ecr.Projected());
    }
}
