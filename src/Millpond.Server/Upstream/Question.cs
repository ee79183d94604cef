using System.Net;
using System.Net.Http.Headers;
using Millpond.Images;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>What is asked of an upstream.</summary>
/// <param name="Path">With its query.</param>
/// <param name="Repository">The one a token is needed for; null where none is.</param>
internal sealed record Question(HttpMethod Method, string Path, RepositoryName? Repository)
{
    public string? Accept { get; init; }

    public ByteRange? Range { get; init; }

    public TimeSpan? ConnectWithin { get; init; }

    public bool FollowsRedirects { get; init; } = true;

    /// <summary>Whether the value that is read goes on reading the response.</summary>
    public bool KeepsResponse { get; init; }

    public HttpRequestMessage ToRequest(Uri upstream, Exchange exchange)
    {
        var request = new HttpRequestMessage(Method, new Uri(upstream, Path))
        {
            // A body over HTTP/2 shares its window with others: a slow reader of one would hold up the rest.
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("User-Agent", UpstreamClient.UserAgent);
        request.Headers.TryAddWithoutValidation("Accept", Accept ?? "*/*");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        if (Range is { } range)
        {
            request.Headers.Range = new RangeHeaderValue(range.From, range.To);
        }

        exchange.Attach(request);
        return request;
    }
}
