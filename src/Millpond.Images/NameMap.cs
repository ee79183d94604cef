using System.Collections.Frozen;

namespace Millpond.Images;

/// <summary>
/// The map between names here (<c>quay/prometheus/prometheus</c>) and names upstream (<c>quay.io</c>, <c>prometheus/prometheus</c>).
/// Prefixes are whole path components, the longest wins, ROOT comes last. A name here belongs to exactly one rule: what would be
/// called like a repository of another rule has no name here. This is also the one place that knows of Docker Hub's <c>library/</c>.
/// </summary>
public sealed class NameMap
{
    private const string Library = "library";

    private readonly FrozenDictionary<string, RuleNames>.AlternateLookup<ReadOnlySpan<char>> byPrefix;
    private readonly FrozenDictionary<string, Candidate[]>.AlternateLookup<ReadOnlySpan<char>> byRegistry;
    private readonly RuleNames? root;

    /// <exception cref="ArgumentException">Two rules have the same prefix.</exception>
    public NameMap(IEnumerable<RuleNames> rules)
    {
        RuleNames[] all = [.. rules];
        root = all.SingleOrDefault(rule => rule.IsRoot);
        byPrefix = all.Where(rule => !rule.IsRoot)
            .ToDictionary(rule => rule.Prefix, StringComparer.Ordinal)
            .ToFrozenDictionary(StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();

        // One registry may be a rule's upstream and what another stands for; of two that begin alike the upstream's own rule is first.
        byRegistry = all.SelectMany(rule => rule.Registries.Select((registry, at) => (registry.Host, Rule: new Candidate(rule, registry.RepositoryPrefix, IsUpstream: at == 0))))
            .GroupBy(one => UpstreamHosts.Normalise(one.Host), one => one.Rule)
            .ToFrozenDictionary(
                group => group.Key,
                group => group.OrderByDescending(one => one.RepositoryPrefix?.Length ?? 0).ThenByDescending(one => one.IsUpstream).ToArray(),
                StringComparer.OrdinalIgnoreCase)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Whether any rule is for this registry.</summary>
    public bool Knows(ReadOnlySpan<char> registry) => byRegistry.ContainsKey(Fold(registry));

    /// <summary>What a name here stands for: by the longest prefix, ROOT last.</summary>
    public bool TryToUpstream(RepositoryName local, out NameMatch match)
    {
        var owner = OwnerOf(local);
        match = default;
        return owner is not null && TryStrip(owner, local, out var rest) && TryMatch(owner, rest, out match);
    }

    /// <summary>
    /// A pull of an upstream's mirror (containerd's <c>?ns=</c>): where the path starts with the prefix of a rule whose upstream
    /// is <paramref name="ns"/>, that prefix is taken off; else the path is the name upstream.
    /// </summary>
    public bool TryFromMirror(string ns, RepositoryName path, out NameMatch match)
    {
        var text = path.ToString().AsSpan();
        for (var end = text.LastIndexOf('/'); end > 0; end = text[..end].LastIndexOf('/'))
        {
            if (byPrefix.TryGetValue(text[..end], out var rule)
                && rule.IsFor(ns)
                && TryStrip(rule, path, out var rest)
                && TryMatch(rule, rest, out match))
            {
                return true;
            }
        }

        return TryToLocal(ns, path, out match);
    }

    /// <summary>The same for one rule alone, whatever others there are for that registry.</summary>
    public bool TryFromMirror(RuleNames rule, string ns, RepositoryName path, out NameMatch match) =>
        TryPrefixed(rule, path, out match) || TryToLocal(ns, path, only: rule, out match);

    /// <summary>A pull that comes by the rule's own host name or listener: the path with or without the prefix.</summary>
    public bool TryUnder(RuleNames rule, RepositoryName path, out NameMatch match) =>
        TryMatch(rule, !rule.IsRoot && TryStrip(rule, path, out var rest) ? rest : path, out match);

    /// <summary>A path that begins with this very rule's prefix.</summary>
    public bool TryPrefixed(RuleNames rule, RepositoryName path, out NameMatch match)
    {
        match = default;
        return !rule.IsRoot && TryStrip(rule, path, out var rest) && TryMatch(rule, rest, out match);
    }

    /// <summary>What a registry's repository is called here: by the longest <see cref="RuleNames.UpstreamRepositoryPrefix"/>.</summary>
    public bool TryToLocal(ReadOnlySpan<char> registry, RepositoryName repository, out NameMatch match) => TryToLocal(registry, repository, only: null, out match);

    /// <summary>The repository with <c>library/</c> before it where it is a one-part name on Docker Hub; false where nothing is to be added.</summary>
    internal static bool TryAddLibrary(ReadOnlySpan<char> upstreamHost, RepositoryName upstream, out RepositoryName whole)
    {
        whole = default;
        return upstream.IsSingleComponent && UpstreamHosts.IsDockerHub(upstreamHost) && upstream.TryPrepend(Library, out whole);
    }

    /// <summary>The way back: <c>library/nginx</c> on Docker Hub is <c>nginx</c>, all else is as it was.</summary>
    internal static RepositoryName RemoveLibrary(ReadOnlySpan<char> upstreamHost, RepositoryName upstream) =>
        UpstreamHosts.IsDockerHub(upstreamHost) && upstream.TryRemovePrefix(Library, out var rest) && rest.IsSingleComponent ? rest : upstream;

    internal static int LengthWithLibrary(ReadOnlySpan<char> upstreamHost, ReadOnlySpan<char> path) =>
        path.Length + (!path.Contains('/') && UpstreamHosts.IsDockerHub(upstreamHost) ? Library.Length + 1 : 0);

    private static ReadOnlySpan<char> Fold(ReadOnlySpan<char> host) => UpstreamHosts.IsDockerHub(host) ? UpstreamHosts.DockerHub : host;

    private static bool TryStrip(RuleNames rule, RepositoryName local, out RepositoryName rest)
    {
        rest = local;
        return rule.IsRoot || local.TryRemovePrefix(rule.Prefix, out rest);
    }

    /// <summary>The rule a name here belongs to.</summary>
    private RuleNames? OwnerOf(RepositoryName local)
    {
        var text = local.ToString().AsSpan();
        for (var end = text.LastIndexOf('/'); end > 0; end = text[..end].LastIndexOf('/'))
        {
            if (byPrefix.TryGetValue(text[..end], out var rule))
            {
                return rule;
            }
        }

        return root;
    }

    private bool TryToLocal(ReadOnlySpan<char> registry, RepositoryName repository, RuleNames? only, out NameMatch match)
    {
        match = default;
        if (!byRegistry.TryGetValue(Fold(registry), out var candidates))
        {
            return false;
        }

        var whole = TryAddLibrary(registry, repository, out var filled) ? filled : repository;
        foreach (var candidate in candidates)
        {
            var rest = whole;
            if ((only is null || candidate.Rule.Prefix == only.Prefix)
                && (candidate.RepositoryPrefix is not { } prefix || whole.TryRemovePrefix(prefix, out rest))
                && TryMatch(candidate.Rule, rest, out match))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Both names from what follows the prefix; false where one is too long or the name here is another rule's.</summary>
    private bool TryMatch(RuleNames rule, RepositoryName rest, out NameMatch match)
    {
        match = default;
        if (rule.MeansDockerHub && TryAddLibrary(UpstreamHosts.DockerHub, rest, out var filled))
        {
            rest = filled;
        }

        var upstream = rest;
        if (rule.UpstreamRepositoryPrefix is { } prefix && !rest.TryPrepend(prefix, out upstream))
        {
            return false;
        }

        var local = rest;
        if ((!rule.IsRoot && !rest.TryPrepend(rule.Prefix, out local)) || OwnerOf(local)?.Prefix != rule.Prefix)
        {
            return false;
        }

        match = new NameMatch(rule, local, upstream);
        return true;
    }

    /// <summary>A rule as one registry's repositories come under it.</summary>
    private sealed record Candidate(RuleNames Rule, string? RepositoryPrefix, bool IsUpstream);
}
