using System.Globalization;

namespace Millpond.Server.Registry;

/// <summary>What a <c>Range</c> header means for a content of known length (RFC 9110, §14).</summary>
public enum RangeVerdict
{
    /// <summary>No range, several ranges, or one that cannot be read: the whole content is answered.</summary>
    Whole,
    Part,
    NotSatisfiable,
}

/// <summary>The bytes a <c>Range</c> header asks for: <see cref="Length"/> of them from <see cref="Start"/>.</summary>
public readonly record struct RequestedRange(RangeVerdict Verdict, long Start, long Length)
{
    private const string Unit = "bytes=";

    /// <summary>Reads one range, closed (<c>2-5</c>), open (<c>2-</c>) or a suffix (<c>-5</c>); several ranges are answered whole, as the RFC allows.</summary>
    public static RequestedRange Parse(ReadOnlySpan<char> header, long total)
    {
        var whole = new RequestedRange(RangeVerdict.Whole, 0, total);
        if (!header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase))
        {
            return whole;
        }

        var range = header[Unit.Length..].Trim(" \t");
        var dash = range.IndexOf('-');
        if (dash < 0 || range.Contains(','))
        {
            return whole;
        }

        var from = range[..dash];
        var to = range[(dash + 1)..];
        if (from.IsEmpty)
        {
            return TryParse(to, out var suffix) ? Suffix(suffix, total) : whole;
        }

        if (!TryParse(from, out var start))
        {
            return whole;
        }

        if (to.IsEmpty)
        {
            return Between(start, long.MaxValue, total);
        }

        return TryParse(to, out var end) && start <= end ? Between(start, end, total) : whole;
    }

    private static RequestedRange Suffix(long count, long total) =>
        count == 0 || total == 0
            ? new(RangeVerdict.NotSatisfiable, 0, 0)
            : new(RangeVerdict.Part, Math.Max(0, total - count), Math.Min(count, total));

    private static RequestedRange Between(long start, long end, long total) =>
        start >= total
            ? new(RangeVerdict.NotSatisfiable, 0, 0)
            : new(RangeVerdict.Part, start, Math.Min(end, total - 1) - start + 1);

    /// <summary>Digits only; a number too large for any content is as good as the largest.</summary>
    private static bool TryParse(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value))
        {
            value = long.MaxValue;
        }

        return true;
    }
}
