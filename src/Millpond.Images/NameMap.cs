using System.Collections.Frozen;

namespace Millpond.Images;

/// <summary>
/// The map between names here (<c>quay/prometheus/prometheus</c>) and names upstream (<c>quay.io</c>, <c>prometheus/prometheus</c>).
/// Prefixes are whole path components, the longest wins, ROOT comes last. A name here belongs to exactly one mapping: what would be
/// called like a repository of another mapping has no name here. This is also the one place that knows of Docker Hub's <c>library/</c>.
/// </summary>
public sealed class NameMap
{
    private const string Library = "library";

    private readonly FrozenDictionary<string, NameMapping>.AlternateLookup<ReadOnlySpan<char>> byPrefix;
    private readonly FrozenDictionary<string, NameMapping[]>.AlternateLookup<ReadOnlySpan<char>> byUpstream;
    private readonly NameMapping? root;

    /// <exception cref="ArgumentException">Two mappings have the same prefix.</exception>
    public NameMap(IEnumerable<NameMapping> mappings)
    {
        NameMapping[] all = [.. mappings];
        root = all.SingleOrDefault(mapping => mapping.IsRoot);
        byPrefix = all.Where(mapping => !mapping.IsRoot)
            .ToDictionary(mapping => mapping.Prefix, StringComparer.Ordinal)
            .ToFrozenDictionary(StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
        byUpstream = all.GroupBy(mapping => UpstreamHosts.Normalise(mapping.Upstream))
            .ToFrozenDictionary(
                group => group.Key,
                group => group.OrderByDescending(mapping => mapping.UpstreamRepositoryPrefix?.Length ?? 0).ToArray(),
                StringComparer.OrdinalIgnoreCase)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Whether any mapping is for this upstream.</summary>
    public bool Knows(ReadOnlySpan<char> upstreamHost) => byUpstream.ContainsKey(Fold(upstreamHost));

    /// <summary>What a name here stands for: by the longest prefix, ROOT last.</summary>
    public bool TryToUpstream(RepositoryName local, out NameMatch match)
    {
        var owner = OwnerOf(local);
        match = default;
        return owner is not null && TryStrip(owner, local, out var rest) && TryMatch(owner, rest, out match);
    }

    /// <summary>
    /// A pull of an upstream's mirror (containerd's <c>?ns=</c>): where the path starts with the prefix of a mapping whose upstream
    /// is <paramref name="ns"/>, that prefix is taken off; else the path is the name upstream.
    /// </summary>
    public bool TryFromMirror(string ns, RepositoryName path, out NameMatch match)
    {
        var text = path.ToString().AsSpan();
        for (var end = text.LastIndexOf('/'); end > 0; end = text[..end].LastIndexOf('/'))
        {
            if (byPrefix.TryGetValue(text[..end], out var mapping)
                && UpstreamHosts.AreSame(mapping.Upstream, ns)
                && TryStrip(mapping, path, out var rest)
                && TryMatch(mapping, rest, out match))
            {
                return true;
            }
        }

        return TryToLocal(ns, path, out match);
    }

    /// <summary>The same for one mapping alone, whatever others there are of its upstream.</summary>
    public bool TryFromMirror(NameMapping mapping, RepositoryName path, out NameMatch match) =>
        (!mapping.IsRoot && TryStrip(mapping, path, out var rest) && TryMatch(mapping, rest, out match))
        || TryToLocal(mapping, TryAddLibrary(mapping.Upstream, path, out var filled) ? filled : path, out match);

    /// <summary>A pull that comes by the mapping's own host name or listener: the path with or without the prefix.</summary>
    public bool TryUnder(NameMapping mapping, RepositoryName path, out NameMatch match) =>
        TryMatch(mapping, !mapping.IsRoot && TryStrip(mapping, path, out var rest) ? rest : path, out match);

    /// <summary>What an upstream's repository is called here: by the longest <see cref="NameMapping.UpstreamRepositoryPrefix"/>.</summary>
    public bool TryToLocal(ReadOnlySpan<char> upstreamHost, RepositoryName upstream, out NameMatch match)
    {
        match = default;
        if (!byUpstream.TryGetValue(Fold(upstreamHost), out var candidates))
        {
            return false;
        }

        var whole = TryAddLibrary(upstreamHost, upstream, out var filled) ? filled : upstream;
        foreach (var mapping in candidates)
        {
            if (TryToLocal(mapping, whole, out match))
            {
                return true;
            }
        }

        return false;
    }

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

    private static bool TryStrip(NameMapping mapping, RepositoryName local, out RepositoryName rest)
    {
        rest = local;
        return mapping.IsRoot || local.TryRemovePrefix(mapping.Prefix, out rest);
    }

    /// <summary>The mapping a name here belongs to.</summary>
    private NameMapping? OwnerOf(RepositoryName local)
    {
        var text = local.ToString().AsSpan();
        for (var end = text.LastIndexOf('/'); end > 0; end = text[..end].LastIndexOf('/'))
        {
            if (byPrefix.TryGetValue(text[..end], out var mapping))
            {
                return mapping;
            }
        }

        return root;
    }

    private bool TryToLocal(NameMapping mapping, RepositoryName upstream, out NameMatch match)
    {
        match = default;
        var rest = upstream;
        return (mapping.UpstreamRepositoryPrefix is not { } prefix || upstream.TryRemovePrefix(prefix, out rest)) && TryMatch(mapping, rest, out match);
    }

    /// <summary>Both names from what follows the prefix; false where one is too long or the name here is another mapping's.</summary>
    private bool TryMatch(NameMapping mapping, RepositoryName rest, out NameMatch match)
    {
        match = default;
        var upstream = rest;
        if (mapping.UpstreamRepositoryPrefix is { } prefix)
        {
            if (!rest.TryPrepend(prefix, out upstream))
            {
                return false;
            }
        }
        else if (TryAddLibrary(mapping.Upstream, rest, out var filled))
        {
            upstream = rest = filled;
        }

        var local = rest;
        if ((!mapping.IsRoot && !rest.TryPrepend(mapping.Prefix, out local)) || OwnerOf(local)?.Prefix != mapping.Prefix)
        {
            return false;
        }

        match = new NameMatch(mapping, local, upstream);
        return true;
    }
}
