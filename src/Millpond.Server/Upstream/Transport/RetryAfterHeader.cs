using System.Globalization;

namespace Millpond.Server.Upstream.Transport;

/// <summary><c>Retry-After</c> in both its forms, seconds and date.</summary>
internal static class RetryAfterHeader
{
    // What an upstream may ask for at most: a mistaken header must not shut a rule for ever.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public static TimeSpan? Read(HttpResponseMessage response, TimeProvider time)
    {
        if (!response.Headers.NonValidated.TryGetValues("Retry-After", out var values) || values.FirstOrDefault()?.Trim() is not { Length: > 0 } text)
        {
            return null;
        }

        if (text.All(char.IsAsciiDigit))
        {
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < Longest.TotalSeconds
                ? TimeSpan.FromSeconds(seconds)
                : Longest;
        }

        if (!DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date))
        {
            return null;
        }

        var wait = date - time.GetUtcNow();
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait > Longest ? Longest : wait;
    }
}
