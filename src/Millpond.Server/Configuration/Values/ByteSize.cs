using System.Collections.Immutable;
using System.Globalization;

namespace Millpond.Server.Configuration.Values;

/// <summary>The configuration's sizes: <c>10KiB | 5GB | 80%</c>. One whole number and one unit; <c>KB</c> is 1000 bytes, <c>KiB</c> 1024.</summary>
public static class ByteSize
{
    private static readonly ImmutableArray<(string Unit, long Bytes)> Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("kB", 1_000), ("B", 1),
    ];

    /// <summary>Reads a number of bytes.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits <= 0 || !long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        foreach (var (unit, size) in Units)
        {
            if (text.AsSpan(digits).SequenceEqual(unit) && number <= long.MaxValue / size)
            {
                bytes = number * size;
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a number of bytes or a share of the disk.</summary>
    public static bool TryParseLimit(string text, out SizeLimit limit)
    {
        limit = default;
        if (text.EndsWith('%'))
        {
            if (!int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var percent) || percent > 100)
            {
                return false;
            }

            limit = new(null, percent);
            return true;
        }

        if (!TryParse(text, out var bytes))
        {
            return false;
        }

        limit = new(bytes, 0);
        return true;
    }

    /// <summary>The shortest exact spelling.</summary>
    public static string Format(long bytes)
    {
        var (unit, size) = Units.First(u => bytes >= u.Bytes && bytes % u.Bytes == 0 || u.Bytes == 1);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / size}{unit}");
    }

    /// <inheritdoc cref="Format(long)"/>
    public static string Format(SizeLimit limit) =>
        limit.Bytes is { } bytes ? Format(bytes) : string.Create(CultureInfo.InvariantCulture, $"{limit.Percent}%");
}
