using System.Buffers;
using System.Collections.Immutable;
using Millpond.Server.Configuration.Sources;

namespace Millpond.Server.Configuration.Values;

/// <summary>Extra headers for an upstream: a mapping in the file, <c>Name=value,Other=value</c> in a variable.</summary>
internal static class HeaderType
{
    private const string Remedy = "Write a mapping of header names to values, such as {X-Cache-Chain: millpond}";

    /// <summary>RFC 9110's token characters.</summary>
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>What a pull itself sends, so that a configured value would break it or leak past the credential's checks.</summary>
    private static readonly ImmutableArray<string> Ours =
        ["Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "Host", "Proxy-Authorization", "Range", "Transfer-Encoding"];

    public static KeyType<ImmutableArray<KeyValuePair<string, string>>> Instance { get; } = new("mapping of headers", [], Read, FromText);

    private static ImmutableArray<KeyValuePair<string, string>> Read(ConfigurationNode node, Complain complain)
    {
        if (node.Kind != NodeKind.Map)
        {
            complain(node, $"{node.KindText} stands where a mapping is expected", Remedy);
            return [];
        }

        foreach (var (name, line, value) in node.Entries)
        {
            var at = value with { Line = line ?? value.Line };
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(NameCharacters))
            {
                complain(at, "what stands there is no header's name (not shown, it may hold its value)", Remedy);
            }
            else if (Ours.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                complain(at, $"the header {name} is set by every pull itself", "Leave it out; a login belongs in 'credential'");
            }
            else if (value.Kind == NodeKind.Null)
            {
                // Its name may be a value, too.
                complain(at, "a header has no value", "Write one line of ASCII text behind its name");
            }
            else if (value.Kind != NodeKind.Scalar || value.Text.Any(c => char.IsControl(c) || c > '~'))
            {
                complain(at, $"the value of the header {name} is no line of ASCII text", "Write one line of ASCII text");
            }
        }

        return [.. node.Entries.Select(e => KeyValuePair.Create(e.Key, e.Value.Text))];
    }

    private static ConfigurationNode FromText(string text)
    {
        var pairs = KeyType.SplitCommas(text).Select(p => p.Split('=', 2, StringSplitOptions.TrimEntries));
        return new(NodeKind.Map, null)
        {
            Entries = [.. pairs.Select(p => new NodeEntry(p[0], null, p.Length == 2 ? ConfigurationNode.Scalar(p[1]) : new(NodeKind.Null, null)))],
        };
    }
}
