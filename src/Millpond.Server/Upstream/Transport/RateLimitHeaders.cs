using System.Globalization;

namespace Millpond.Server.Upstream.Transport;

/// <summary>Docker Hub's <c>ratelimit-limit: 100;w=21600</c> and <c>ratelimit-remaining: 76;w=21600</c>.</summary>
internal static class RateLimitHeaders
{
    /// <summary>What an answer says of the limit; null where it does not, or not in this form.</summary>
    public static RateLimit? Read(HttpResponseMessage response)
    {
        if (!TryRead(response, "ratelimit-limit", out var limit, out var window) || !TryRead(response, "ratelimit-remaining", out var remaining, out var other))
        {
            return null;
        }

        return (window ?? other) is { } seconds ? new RateLimit(limit, remaining, TimeSpan.FromSeconds(seconds)) : null;
    }

    private static bool TryRead(HttpResponseMessage response, string name, out int number, out int? window)
    {
        (number, window) = (0, null);
        if (!response.Headers.NonValidated.TryGetValues(name, out var values) || values.FirstOrDefault() is not { } text)
        {
            return false;
        }

        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        foreach (var part in parts[1..])
        {
            if (part.StartsWith("w=", StringComparison.OrdinalIgnoreCase) && TryParse(part.AsSpan(2), out var seconds) && seconds > 0)
            {
                window = seconds;
            }
        }

        return TryParse(parts[0], out number);
    }

    private static bool TryParse(ReadOnlySpan<char> text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
