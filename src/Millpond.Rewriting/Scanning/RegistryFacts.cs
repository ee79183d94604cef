using System.Collections.Concurrent;
using System.Text;
using Millpond.Images;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Scanning;

/// <summary>What is known of registries: which have a rule, which the tables name, and which texts mean the same one.</summary>
/// <param name="tables">The tables, which name public registries and hosts that are none.</param>
/// <param name="isMapped">Whether a rule is for this host, or it is the cache.</param>
/// <param name="meaning">
/// Which registry a registry's text means: <c>docker.io</c> for <c>cache.example.com/docker-hub</c>, itself for any other. Two keys
/// that mean the same registry stay the same when one of them has already been rewritten.
/// </param>
internal sealed class RegistryFacts(PlaceTables tables, Func<string, bool> isMapped, Func<string, string> meaning)
{
    /// <summary>Hosts repeat: a few dozen in thousands of files. What comes beyond is looked up each time.</summary>
    private const int MaxRemembered = 4096;

    private const int MaxHost = 255;

    private readonly ConcurrentDictionary<string, HostKind> kinds = new(StringComparer.OrdinalIgnoreCase);

    public string MeaningOf(string registry) => meaning(registry);

    /// <summary>As below; what has been asked before costs no text.</summary>
    public HostKind KindOf(ReadOnlySpan<byte> host)
    {
        if (host.Length > MaxHost)
        {
            return HostKind.None;
        }

        Span<char> name = stackalloc char[host.Length];
        Encoding.ASCII.GetChars(host, name);
        return kinds.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var kind) ? kind : KindOf(name.ToString());
    }

    public HostKind KindOf(string host)
    {
        if (kinds.TryGetValue(host, out var kind))
        {
            return kind;
        }

        kind = Judge(host);
        if (kinds.Count < MaxRemembered)
        {
            kinds[host] = kind;
        }

        return kind;
    }

    /// <summary>Whether a text is a reference with its registry written, whichever that is.</summary>
    public static bool NamesRegistry(string text) => ImageReference.TryParse(text, out var reference) && reference.WrittenHost.Length > 0;

    private HostKind Judge(string host)
    {
        if (isMapped(host) || tables.IsRegistry(host))
        {
            return HostKind.Registry;
        }

        return host.Contains('.', StringComparison.Ordinal) && !tables.IsNoRegistry(host) ? HostKind.Dotted : HostKind.None;
    }
}

/// <summary>What a host's name says.</summary>
internal enum HostKind
{
    /// <summary>No registry: a forge, a website, an API group, or no host's name.</summary>
    None,

    /// <summary>May be a registry: a name with dots.</summary>
    Dotted,

    /// <summary>A rule is for it, or the tables know it.</summary>
    Registry,
}
