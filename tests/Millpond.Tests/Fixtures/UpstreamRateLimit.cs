using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Millpond.Tests.Fixtures;

/// <summary>Docker Hub's rate limit: manifest GETs count, HEADs only show the headers.</summary>
internal sealed class UpstreamRateLimit(FakeUpstreamOptions options)
{
    private readonly Lock sync = new();
    private DateTimeOffset windowEnd;
    private int used;

    /// <summary>Whether the request may go on; else it is answered with 429.</summary>
    public async Task<bool> AdmitAsync(HttpContext context, UpstreamRequest request)
    {
        if (options.RateLimit is not { } limit)
        {
            return true;
        }

        bool admitted;
        TimeSpan untilReset;
        lock (sync)
        {
            var now = options.Time.GetUtcNow();
            if (now >= windowEnd)
            {
                windowEnd = now + options.RateWindow;
                used = 0;
            }

            admitted = used < limit;
            used += request.Method == "GET" && admitted ? 1 : 0;
            untilReset = windowEnd - now;
            var window = $";w={options.RateWindow.TotalSeconds.ToString(CultureInfo.InvariantCulture)}";
            context.Response.Headers["ratelimit-limit"] = $"{limit}{window}";
            context.Response.Headers["ratelimit-remaining"] = $"{limit - used}{window}";
            context.Response.Headers["docker-ratelimit-source"] = "127.0.0.1";
        }

        if (admitted || request.Method == "HEAD")
        {
            return true;
        }

        context.Response.Headers.RetryAfter = Math.Ceiling(untilReset.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        await UpstreamAnswers.ErrorAsync(context, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.");
        return false;
    }
}
