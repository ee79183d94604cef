using System.Globalization;

namespace Millpond.Server.Upstream.Transport;

/// <summary>Values as reasons for people have them.</summary>
internal static class Words
{
    public static string Of(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms");

    /// <summary>A stranger's text on one line of bounded length.</summary>
    public static string Quote(string text, int limit)
    {
        var line = string.Create(text.Length, text, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(from[i]) || char.IsSurrogate(from[i]) ? ' ' : from[i];
            }
        }).Trim();
        return line.Length <= limit ? line : string.Concat(line.AsSpan(0, limit).TrimEnd(), "…");
    }
}
