using System.Buffers;
using System.Text;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>
/// One challenge of <c>WWW-Authenticate</c> (RFC 9110 §11.6.1). Several may share a line, and a stranger writes them: what breaks the
/// grammar ends the line, what came before it counts, and nothing throws.
/// </summary>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int MaxLine = 8 * 1024;
    private const int MaxChallenges = 16;
    private const int MaxParameters = 32;

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

    private static readonly SearchValues<char> Token68Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

    public bool IsBearer => Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase);

    /// <summary>A parameter that is there and not empty.</summary>
    public string? this[string name] => Parameters.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>The challenges of all lines, in order.</summary>
    public static IReadOnlyList<Challenge> Parse(IEnumerable<string> lines)
    {
        var found = new List<Challenge>();
        foreach (var line in lines)
        {
            if (line.Length <= MaxLine)
            {
                ParseLine(line, found);
            }
        }

        return found;
    }

    private static void ParseLine(ReadOnlySpan<char> rest, List<Challenge> found)
    {
        Dictionary<string, string>? parameters = null;
        while (found.Count <= MaxChallenges)
        {
            rest = rest.TrimStart(" \t,");
            var name = Take(ref rest, TokenCharacters);
            if (name.IsEmpty)
            {
                return;
            }

            var afterName = rest.TrimStart(" \t");
            if (parameters is not null && afterName is ['=', ..])
            {
                rest = afterName[1..].TrimStart(" \t");
                if (!TryTakeValue(ref rest, out var value))
                {
                    return;
                }

                if (parameters.Count < MaxParameters)
                {
                    // The first of two with one name counts, so that nothing appended later can replace it.
                    parameters.TryAdd(name.ToString(), value);
                }
            }
            else if (found.Count < MaxChallenges)
            {
                parameters = new(StringComparer.OrdinalIgnoreCase);
                found.Add(new Challenge(name.ToString(), parameters));
                SkipToken68(ref rest);
            }
            else
            {
                return;
            }
        }
    }

    private static ReadOnlySpan<char> Take(scoped ref ReadOnlySpan<char> rest, SearchValues<char> characters)
    {
        var end = rest.IndexOfAnyExcept(characters);
        var taken = end < 0 ? rest : rest[..end];
        rest = rest[taken.Length..];
        return taken;
    }

    /// <summary>Passes the one opaque value of a challenge such as <c>Negotiate dGVzdA==</c>.</summary>
    private static void SkipToken68(ref ReadOnlySpan<char> rest)
    {
        var ahead = rest.TrimStart(' ');
        if (ahead.Length == rest.Length)
        {
            return;
        }

        var value = Take(ref ahead, Token68Characters);
        ahead = ahead.TrimStart('=').TrimStart(" \t");
        if (!value.IsEmpty && (ahead.IsEmpty || ahead[0] == ','))
        {
            rest = ahead;
        }
    }

    private static bool TryTakeValue(ref ReadOnlySpan<char> rest, out string value)
    {
        if (rest is not ['"', ..])
        {
            // Some registries forget the quotes around a URL.
            var end = rest.IndexOfAny(" \t,");
            value = (end < 0 ? rest : rest[..end]).ToString();
            rest = rest[value.Length..];
            return true;
        }

        var text = new StringBuilder();
        for (var i = 1; i < rest.Length; i++)
        {
            if (rest[i] == '"')
            {
                rest = rest[(i + 1)..];
                value = text.ToString();
                return true;
            }

            if (rest[i] == '\\' && ++i == rest.Length)
            {
                break;
            }

            text.Append(rest[i]);
        }

        value = "";
        return false;
    }
}
