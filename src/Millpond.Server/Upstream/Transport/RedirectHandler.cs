using System.Net;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// Follows redirects by hand. None is remembered: where a blob lies is asked of the registry each time, and once more when the host it
/// named refuses, because a signed URL may have expired on the way.
/// </summary>
internal sealed class RedirectHandler(PullThroughRule rule, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MaxRedirects = 5;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var exchange = Exchange.Of(request);
        var response = await FollowAsync(request, exchange, cancellationToken);
        if (exchange is not { LeftOrigin: true, IsAnsweredElsewhere: false } || response.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden))
        {
            return response;
        }

        response.Dispose();
        exchange.LeftOrigin = false;
        return await FollowAsync(request, exchange, cancellationToken);
    }

    private async Task<HttpResponseMessage> FollowAsync(HttpRequestMessage original, Exchange? exchange, CancellationToken cancellationToken)
    {
        var target = original.RequestUri ?? throw new InvalidOperationException("A request needs a URL.");
        for (var redirects = 0; ; redirects++)
        {
            var response = await base.SendAsync(Copy(original, target), cancellationToken);
            if (!IsRedirect(response.StatusCode))
            {
                return response;
            }

            using (response)
            {
                var who = exchange?.WaitingFor ?? rule.UpstreamName;
                if (redirects == MaxRedirects)
                {
                    throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{rule.UpstreamName} redirects more than {MaxRedirects} times");
                }

                var location = response.Headers.NonValidated.TryGetValues("Location", out var values) ? values.FirstOrDefault() : null;
                target = RedirectTarget.Resolve(target, location, who);
            }
        }
    }

    private static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    // A new message for each hop: what lower layers add for the upstream's own origin stays behind.
    private static HttpRequestMessage Copy(HttpRequestMessage original, Uri target)
    {
        var copy = new HttpRequestMessage(original.Method, target) { Version = original.Version, VersionPolicy = original.VersionPolicy };
        foreach (var (name, values) in original.Headers.NonValidated)
        {
            copy.Headers.TryAddWithoutValidation(name, values);
        }

        Exchange.Of(original)?.Attach(copy);
        return copy;
    }
}
