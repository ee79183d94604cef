using System.Globalization;

namespace Millpond.Server.Upstream.Transport;

/// <summary><c>Retry-After</c>: seconds, a date in any of HTTP's forms, or, as some send it, the time itself since 1970; all else says nothing.</summary>
internal static class RetryAfterHeader
{
    // 2001 and later, as seconds and as milliseconds since 1970: nobody asks to be left alone for thirty years.
    private const long FirstUnixTime = 1_000_000_000;
    private const long FirstUnixMilliseconds = FirstUnixTime * 1000;

    // What an upstream may ask for at most: a mistaken header must not shut a rule for ever.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    // RFC 9110 §5.6.7, the two obsolete ones included, and ISO 8601.
    private static readonly string[] Dates =
        ["r", "dddd, dd-MMM-yy HH:mm:ss 'GMT'", "ddd MMM d HH:mm:ss yyyy", "ddd MMM  d HH:mm:ss yyyy", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    public static TimeSpan? Read(HttpResponseMessage response, TimeProvider time)
    {
        if (!response.Headers.NonValidated.TryGetValues("Retry-After", out var values) || values.FirstOrDefault()?.Trim() is not { Length: > 0 } text)
        {
            return null;
        }

        if (text.All(char.IsAsciiDigit))
        {
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? OfNumber(number, time) : Longest;
        }

        const DateTimeStyles Universal = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParseExact(text, Dates, CultureInfo.InvariantCulture, Universal, out var date) ? Bounded(date - time.GetUtcNow()) : null;
    }

    private static TimeSpan OfNumber(long number, TimeProvider time) => number switch
    {
        < FirstUnixTime => number < Longest.TotalSeconds ? TimeSpan.FromSeconds(number) : Longest,
        < FirstUnixMilliseconds => Bounded(DateTimeOffset.FromUnixTimeSeconds(number) - time.GetUtcNow()),
        < FirstUnixMilliseconds * 100 => Bounded(DateTimeOffset.FromUnixTimeMilliseconds(number) - time.GetUtcNow()),
        _ => Longest,
    };

    private static TimeSpan Bounded(TimeSpan wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait > Longest ? Longest : wait;
}
