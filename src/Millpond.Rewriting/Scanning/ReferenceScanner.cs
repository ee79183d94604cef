using System.Buffers;
using System.Text;
using Millpond.Images;

namespace Millpond.Rewriting.Scanning;

/// <summary>
/// Finds references that name their registry in any text: a host, a path, and mostly a tag or digest. What it gives is evidence, not yet
/// an image: URLs, patterns and names that end in a slash are left out here, the rest is for those who know the place.
/// </summary>
internal static class ReferenceScanner
{
    private const int MaxHost = 255;
    private const int MaxPath = 512;

    private static readonly SearchValues<byte> HostBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"u8);

    private static readonly SearchValues<byte> PathBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-/"u8);

    private static readonly SearchValues<byte> TagBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"u8);

    private static readonly SearchValues<byte> DigestBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+._-:"u8);

    /// <summary>What may stand right before a reference: the rest makes it part of something else (a path, a mail address, a pattern).</summary>
    private static readonly SearchValues<byte> Openings = SearchValues.Create(" \t\r\n\"'`=,;([{<>|:!"u8);

    /// <summary>What may stand right behind one. A star or a plus makes a pattern of it, a slash a folder.</summary>
    private static readonly SearchValues<byte> Closings = SearchValues.Create(" \t\r\n\"'`=,;)]}<>|:!\\&."u8);

    private static readonly SearchValues<byte> WordEnds = SearchValues.Create(" \t\r\n\"'`,;()[]{}<>|"u8);

    /// <summary>All references of a text that name a registry, in its order.</summary>
    public static IEnumerable<ReferenceToken> Find(ReadOnlyMemory<byte> text, RegistryFacts facts)
    {
        for (var at = 0; TryFind(text.Span, ref at, facts, out var token);)
        {
            yield return token;
        }
    }

    /// <summary>The next reference from a position on, which is moved behind it.</summary>
    public static bool TryFind(ReadOnlySpan<byte> text, ref int at, RegistryFacts facts, out ReferenceToken token)
    {
        while (at < text.Length)
        {
            var slash = text[at..].IndexOf((byte)'/');
            if (slash < 0)
            {
                break;
            }

            slash += at;
            if (TryRead(text, slash, facts, out token))
            {
                at = Math.Max(token.Whole, slash + 1);
                return true;
            }

            // A word that does not begin like a reference holds none further on: "https://quay.io/a" is one word.
            var end = text[slash..].IndexOfAny(WordEnds);
            at = end < 0 ? text.Length : slash + end;
        }

        token = default;
        at = text.Length;
        return false;
    }

    private static bool TryRead(ReadOnlySpan<byte> text, int slash, RegistryFacts facts, out ReferenceToken token)
    {
        token = default;
        var (scheme, lead) = SchemeBefore(text, slash);
        int start;
        if (scheme != TokenScheme.None)
        {
            start = slash + 2;
            var next = text[start..].IndexOf((byte)'/');
            if (next <= 0 || next > MaxHost || text.Slice(start, next).ContainsAny(WordEnds))
            {
                return false;
            }

            slash = start + next;
        }
        else
        {
            start = HostStart(text, slash);
            lead = start;
        }

        if (start >= slash || slash - start > MaxHost || !(lead == 0 || Openings.Contains(text[lead - 1]) || IsShellDefault(text, lead)))
        {
            return false;
        }

        var host = text[start..slash];
        var kind = IsHost(host) ? facts.KindOf(host) : HostKind.None;
        return kind != HostKind.None
            && TryReadRest(text, start, slash, out token)
            && (kind == HostKind.Registry || (token.IsPinned && !token.IsPartial))
            && Accept(ref token, lead, scheme, kind);
    }

    private static bool Accept(ref ReferenceToken token, int lead, TokenScheme scheme, HostKind kind)
    {
        token = token with { Lead = lead, Scheme = scheme, IsKnown = kind == HostKind.Registry };
        return true;
    }

    private static (TokenScheme Scheme, int Lead) SchemeBefore(ReadOnlySpan<byte> text, int slash)
    {
        if (!text[slash..].StartsWith("//"u8))
        {
            return (TokenScheme.None, slash);
        }

        var before = text[..slash];
        return before.EndsWith("docker:"u8) ? (TokenScheme.Docker, slash - "docker:".Length)
            : before.EndsWith("docker-image:"u8) ? (TokenScheme.Docker, slash - "docker-image:".Length)
            : before.EndsWith("oci:"u8) ? (TokenScheme.Oci, slash - "oci:".Length)
            : (TokenScheme.None, slash);
    }

    private static int HostStart(ReadOnlySpan<byte> text, int slash)
    {
        var start = slash;
        while (start > 0 && char.IsAsciiDigit((char)text[start - 1]))
        {
            start--;
        }

        start = start < slash && start > 1 && text[start - 1] == ':' && HostBytes.Contains(text[start - 2]) ? start - 1 : slash;
        while (start > 0 && slash - start <= MaxHost && HostBytes.Contains(text[start - 1]))
        {
            start--;
        }

        while (start < slash && text[start] is (byte)'-' or (byte)'.')
        {
            start++;
        }

        return start;
    }

    // ${NAME:-quay.io/a/b}
    private static bool IsShellDefault(ReadOnlySpan<byte> text, int start) =>
        start >= 2 && text[start - 1] == '-' && text[start - 2] is (byte)':' or (byte)'}';

    private static bool IsHost(ReadOnlySpan<byte> host)
    {
        var name = host.IndexOf((byte)':') is >= 0 and var colon ? host[..colon] : host;
        var dot = name.LastIndexOf((byte)'.');
        return name.Length > 0
            && (dot < 0 || (dot > 0 && dot + 2 < name.Length && char.IsAsciiLetter((char)name[dot + 1]) && name.IndexOf(".."u8) < 0));
    }

    private static bool TryReadRest(ReadOnlySpan<byte> text, int start, int slash, out ReferenceToken token)
    {
        token = default;
        var rest = text[(slash + 1)..];
        var length = rest.IndexOfAnyExcept(PathBytes);
        length = length < 0 ? rest.Length : length;
        if (length > MaxPath)
        {
            return false;
        }

        var nameEnd = slash + 1 + length;
        if (ComputedLength(text[nameEnd..]) is > 0 and var computed)
        {
            return TryReadPartial(text, start, slash, nameEnd, nameEnd + computed, out token);
        }

        // A sentence ends with a full stop.
        var trimmed = nameEnd;
        while (trimmed > slash + 1 && text[trimmed - 1] == '.')
        {
            trimmed--;
        }

        if (!RepositoryName.IsValid(Encoding.ASCII.GetString(text[(slash + 1)..trimmed])))
        {
            return false;
        }

        if (trimmed < nameEnd || nameEnd == text.Length || text[nameEnd] is not ((byte)':' or (byte)'@'))
        {
            token = new ReferenceToken(start, trimmed, trimmed, slash - start);
            return nameEnd == text.Length || Closings.Contains(text[nameEnd]);
        }

        return TryReadSuffix(text, start, slash, nameEnd, out token);
    }

    private static bool TryReadSuffix(ReadOnlySpan<byte> text, int start, int slash, int nameEnd, out ReferenceToken token)
    {
        var end = nameEnd;
        var isPinned = false;
        token = default;
        if (text[end] == ':')
        {
            var tag = Span(text[(end + 1)..], TagBytes);
            if (ComputedLength(text[(end + 1 + tag)..]) is > 0 and var computed)
            {
                token = new ReferenceToken(start, nameEnd, SuffixEnd(text, end + 1 + tag + computed), slash - start) { IsPinned = true };
                return true;
            }

            while (tag > 0 && text[end + tag] is (byte)'.')
            {
                tag--;
            }

            // "quay.io/a/b: what it is" has no tag.
            isPinned = tag > 0 && text[end + 1] is not ((byte)'.' or (byte)'-');
            end += isPinned ? 1 + tag : 0;
        }

        if (end < text.Length && text[end] == '@')
        {
            if (ComputedLength(text[(end + 1)..]) is > 0 and var computed)
            {
                token = new ReferenceToken(start, nameEnd, SuffixEnd(text, end + 1 + computed), slash - start) { IsPinned = true };
                return true;
            }

            var digest = Span(text[(end + 1)..], DigestBytes);
            if (text.Slice(end + 1, digest).IndexOf((byte)':') <= 0)
            {
                return false;
            }

            isPinned = true;
            end += 1 + digest;
        }

        token = new ReferenceToken(start, end, end, slash - start) { IsPinned = isPinned };
        return end == text.Length || Closings.Contains(text[end]);
    }

    // quay.io/{{ .Values.name }}:1 — the registry is said, the name is not.
    private static bool TryReadPartial(ReadOnlySpan<byte> text, int start, int slash, int nameEnd, int computedEnd, out ReferenceToken token)
    {
        var whole = SuffixEnd(text, computedEnd);
        token = new ReferenceToken(start, nameEnd, whole, slash - start)
        {
            IsPartial = true,
            IsPinned = text[nameEnd..whole].ContainsAny((byte)':', (byte)'@'),
        };
        return true;
    }

    private static int SuffixEnd(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length)
        {
            var plain = text[at..].IndexOfAnyExcept(DigestBytes);
            if (plain > 0)
            {
                at += plain;
            }
            else if (plain < 0)
            {
                return text.Length;
            }
            else if (text[at] is (byte)'/' or (byte)'@')
            {
                at++;
            }
            else if (ComputedLength(text[at..]) is > 0 and var computed)
            {
                at += computed;
            }
            else
            {
                break;
            }
        }

        return at;
    }

    private static int Span(ReadOnlySpan<byte> text, SearchValues<byte> bytes) =>
        text.IndexOfAnyExcept(bytes) is >= 0 and var length ? length : text.Length;

    /// <summary>The length of something that is filled in later and begins here; zero where none does.</summary>
    private static int ComputedLength(ReadOnlySpan<byte> text)
    {
        var close = text switch
        {
            [(byte)'{', (byte)'{', ..] or [(byte)'$', (byte)'{', (byte)'{', ..] => "}}"u8,
            [(byte)'[', (byte)'[', ..] => "]]"u8,
            [(byte)'$' or (byte)'#' or (byte)'%', (byte)'{', ..] => "}"u8,
            [(byte)'$', (byte)'(', ..] => ")"u8,
            [(byte)'<', var letter, ..] when char.IsAsciiLetter((char)letter) => ">"u8,
            [(byte)'{', var letter, ..] when char.IsAsciiLetter((char)letter) || letter == '_' => "}"u8,
            [(byte)'$', var letter, ..] when char.IsAsciiLetter((char)letter) || letter == '_' => "$"u8,
            _ => [],
        };
        if (close.IsEmpty)
        {
            return 0;
        }

        if (close[0] == '$')
        {
            return 1 + Span(text[1..], TagBytes);
        }

        var line = text.IndexOf((byte)'\n') is >= 0 and var lineEnd ? text[..lineEnd] : text;
        var end = line[1..].IndexOf(close);
        return end < 0 ? 0 : 1 + end + close.Length;
    }
}
