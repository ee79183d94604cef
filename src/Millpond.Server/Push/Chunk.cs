using System.Globalization;

namespace Millpond.Server.Push;

/// <summary>What a client says of the bytes it sends: where they begin and how many there are; null where it does not say.</summary>
public readonly record struct Chunk(long? Start, long? Length)
{
    /// <summary>Reads <c>Content-Range</c>, which the distribution spec writes as <c>0-1023</c> and HTTP as <c>bytes 0-1023/4096</c>.</summary>
    /// <param name="range">The header; empty where there is none.</param>
    /// <param name="contentLength">The bytes of the body, where they are said.</param>
    /// <param name="chunk">What was said.</param>
    public static PushFailure? TryRead(string range, long? contentLength, out Chunk chunk)
    {
        chunk = new(null, contentLength);
        if (range.Length == 0)
        {
            return null;
        }

        var text = range.AsSpan().Trim(" \t");
        if (text.StartsWith("bytes", StringComparison.OrdinalIgnoreCase))
        {
            text = text["bytes".Length..].TrimStart(" \t=");
        }

        var slash = text.IndexOf('/');
        text = slash < 0 ? text : text[..slash];
        var dash = text.IndexOf('-');
        if (dash <= 0 || !TryNumber(text[..dash], out var first) || !TryNumber(text[(dash + 1)..], out var last) || last < first || last - first == long.MaxValue)
        {
            return new PushFailure(PushFailureKind.UploadInvalid, "Content-Range must be FIRST-LAST in bytes, as 0-1023");
        }

        var length = last - first + 1;
        if (contentLength is { } said && said != length)
        {
            return new PushFailure(PushFailureKind.SizeInvalid, $"Content-Range says {length} bytes, and Content-Length {said}");
        }

        chunk = new(first, length);
        return null;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
