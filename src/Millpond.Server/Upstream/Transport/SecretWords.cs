using System.Collections.Concurrent;
using System.Text;
using Millpond.Server.Configuration;
using Millpond.Server.Configuration.Values;
using Millpond.Server.Credentials;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// What one rule sends that nobody else may see: its passwords and tokens, the values of its headers, a proxy's login, and the tokens
/// obtained with them. Foreign text is redacted by it before it is cut: a secret across the cut would leave its first half.
/// </summary>
internal sealed class SecretWords
{
    /// <summary>A piece of this many characters tells too much; a shorter secret counts whole.</summary>
    private const int Piece = 8;

    /// <summary>What stands where a secret stood.</summary>
    private const string Instead = "[redacted]";

    /// <summary>Tokens of recent requests: an upstream may repeat one that another request was sent with. A token is some kilobytes.</summary>
    private const int MostRecent = 64;

    /// <summary>Places of one text that are looked at one by one.</summary>
    private const int MostSuspects = 8;

    /// <summary>Longer foreign text is not quoted at all, so that a failure costs little whatever was sent.</summary>
    private const int LongestText = 64 * 1024;

    private readonly string[] lasting;
    private readonly ConcurrentQueue<string> recent = new();
    private readonly Lock remembering = new();

    /// <summary>Of all of them, and of some tokens that are forgotten.</summary>
    private volatile PieceFilter filter = new(Piece);
    private int forgotten;

    /// <summary>The credential as it was sent last, kept apart so that no flood of tokens drives it out.</summary>
    private string[] credentials = [];

    public SecretWords(PullThroughRule rule, IEnumerable<string> proxyLogins)
    {
        lasting = [.. rule.Headers.Where(header => !HarmlessHeaders.Contains(header.Key)).SelectMany(header => Forms(header.Value)), .. proxyLogins.SelectMany(Forms)];
        Array.ForEach(lasting, filter.Add);
    }

    private IEnumerable<string> All => lasting.Concat(credentials).Concat(recent);

    /// <summary>A credential or a token was sent.</summary>
    public void Sent(UpstreamCredential? credential, string? token)
    {
        if (credential is not null)
        {
            var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.AccessToken}"));
            if (!credentials.Contains(basic))
            {
                lock (remembering)
                {
                    // With the one before it, which an answer on its way may still repeat.
                    credentials = [basic, .. Forms(credential.AccessToken), .. credentials.Take(3)];
                    Array.ForEach(credentials, filter.Add);
                }
            }
        }

        Remember(token);
    }

    /// <summary>Foreign text on one line, without anything secret in it, and then no longer than this.</summary>
    public string Quote(string text, int limit) => Words.Quote(Redact(text), limit);

    /// <summary>The text without any secret, whole or in a piece of eight characters or more.</summary>
    public string Redact(string text)
    {
        if (text.Length > LongestText)
        {
            return $"[{text.Length} characters]";
        }

        var hidden = new bool[text.Length];
        var any = false;
        var mayHoldPieces = MayHoldPieces(text);
        Dictionary<string, List<int>>? pieces = null;
        foreach (var secret in All)
        {
            any |= secret.Length < Piece
                ? HideWhole(text, secret, hidden)
                : mayHoldPieces && HidePieces(text, secret, pieces ??= PiecesOf(text), hidden);
        }

        return any ? Without(text, hidden) : text;
    }

    /// <summary>Where the filter suspects few places, these are looked at: that is quicker than to look for all pieces.</summary>
    private bool MayHoldPieces(string text)
    {
        Span<int> places = stackalloc int[MostSuspects];
        var found = filter.Find(text, places);
        if (found == MostSuspects)
        {
            return true;
        }

        foreach (var place in places[..found])
        {
            var piece = text.AsSpan(place, Piece);
            foreach (var secret in All)
            {
                if (secret.AsSpan().Contains(piece, StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>A secret as it stands, and as it stands in a URL.</summary>
    private static IEnumerable<string> Forms(string secret)
    {
        if (secret.Length == 0)
        {
            yield break;
        }

        yield return secret;
        if (Uri.EscapeDataString(secret) is var escaped && escaped != secret)
        {
            yield return escaped;
        }

        // "Bearer …", "Basic …": the scheme is no secret, the rest is one by itself.
        if (secret.LastIndexOf(' ') is >= 0 and var space && space + 1 < secret.Length)
        {
            yield return secret[(space + 1)..];
            foreach (var form in PasswordOf(secret) is { } password ? Forms(password) : [])
            {
                yield return form;
            }
        }
    }

    /// <summary>What a configured <c>Basic …</c> says in Base64, which an upstream may repeat in plain words. A user's name is no secret.</summary>
    private static string? PasswordOf(string header)
    {
        var encoded = header.AsSpan(header.LastIndexOf(' ') + 1);
        var login = new byte[encoded.Length];
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) || !Convert.TryFromBase64Chars(encoded, login, out var length))
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(login, 0, length);
        return text.IndexOf(':') is >= 0 and var colon ? text[(colon + 1)..] : null;
    }

    private static Dictionary<string, List<int>> PiecesOf(string text)
    {
        var pieces = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        var lookup = pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var i = 0; i + Piece <= text.Length; i++)
        {
            var piece = text.AsSpan(i, Piece);
            if (!lookup.TryGetValue(piece, out var places))
            {
                places = [];
                lookup[piece] = places;
            }

            places.Add(i);
        }

        return pieces;
    }

    private static bool HidePieces(string text, string secret, Dictionary<string, List<int>> pieces, bool[] hidden)
    {
        var any = false;
        var lookup = pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var i = 0; i + Piece <= secret.Length; i++)
        {
            // Taken out once it is hidden: an upstream that chooses both token and text must not make this quadratic.
            if (lookup.Remove(secret.AsSpan(i, Piece), out _, out var places))
            {
                any = true;
                foreach (var place in places)
                {
                    hidden.AsSpan(place, Piece).Fill(true);
                }
            }
        }

        return any;
    }

    private static bool HideWhole(string text, string secret, bool[] hidden)
    {
        var any = false;
        for (var at = text.IndexOf(secret, StringComparison.Ordinal); at >= 0; at = text.IndexOf(secret, at + 1, StringComparison.Ordinal))
        {
            hidden.AsSpan(at, secret.Length).Fill(true);
            any = true;
        }

        return any;
    }

    private static string Without(string text, bool[] hidden)
    {
        var kept = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (!hidden[i])
            {
                kept.Append(text[i]);
            }
            else if (i == 0 || !hidden[i - 1])
            {
                kept.Append(Instead);
            }
        }

        return kept.ToString();
    }

    private void Remember(string? secret)
    {
        foreach (var form in secret is null ? [] : Forms(secret))
        {
            if (recent.Contains(form))
            {
                continue;
            }

            lock (remembering)
            {
                // Known to the filter first: who asks it meanwhile looks at one text more closely than it need.
                filter.Add(form);
                recent.Enqueue(form);
                while (recent.Count > MostRecent && recent.TryDequeue(out _))
                {
                    forgotten++;
                }

                if (forgotten >= MostRecent)
                {
                    Renew();
                }
            }
        }
    }

    /// <summary>What is forgotten leaves the filter only with all of it.</summary>
    private void Renew()
    {
        var renewed = new PieceFilter(Piece);
        foreach (var secret in All)
        {
            renewed.Add(secret);
        }

        filter = renewed;
        forgotten = 0;
    }
}
