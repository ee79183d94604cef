using System.Net;
using Millpond.Images;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Asks for a page of the referrers of a digest, and where the upstream has no such API for the tag that stands in for it.</summary>
internal sealed class ReferrersRequest(UpstreamClient client, RepositoryName repository, Digest subject)
{
    private const string IndexMediaType = "application/vnd.oci.image.index.v1+json";

    private static readonly byte[] EmptyIndex =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"""u8.ToArray();

    /// <param name="next">Which page: null for the first, or what the page before said.</param>
    public async Task<UpstreamResult<ReferrersBody>> SendAsync(string? next, CancellationToken cancellationToken)
    {
        using var deadline = client.StartDeadline();
        var question = new Question(HttpMethod.Get, $"/v2/{repository}/referrers/{subject}{next}", repository) { Accept = IndexMediaType };
        var result = await client.AskAsync(question, ReadPageAsync, deadline, cancellationToken, next is null ? HasNoApi : null);
        if (result.IsFound && result.Value.Content is { } content)
        {
            // A page that continues with itself has no end.
            var following = result.Value.Next == next ? null : result.Value.Next;
            return new(UpstreamOutcome.Found, new ReferrersBody(content, IsFallback: false, following), RateLimit: result.RateLimit);
        }

        if (next is null && (result.IsFound || result.Outcome == UpstreamOutcome.NotFound))
        {
            return await GetFallbackAsync(result.Value?.Nonsense, deadline, cancellationToken);
        }

        return result.IsFound
            ? new(UpstreamOutcome.BadAnswer, null, $"a further page of the referrers of {subject} is no image index")
            : result.As<ReferrersBody>();
    }

    // Registries without the API answer in many ways: 404 by the spec, but also as to a bad path, or with a page for people.
    private static bool HasNoApi(HttpStatusCode status) => status is HttpStatusCode.BadRequest or HttpStatusCode.MethodNotAllowed
        or HttpStatusCode.NotAcceptable or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.NotImplemented;

    private static async Task<Page> ReadPageAsync(HttpResponseMessage response, Exchange exchange, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            return new Page(null, null, null);
        }

        var content = await BoundedBody.ReadAsync(response, ManifestAnswer.MaxBytes, cancellationToken)
            ?? throw new UpstreamException(
                UpstreamOutcome.BadAnswer,
                $"a page of referrers at {exchange.WaitingFor} is larger than the limit of {ManifestAnswer.MaxBytes / (1024 * 1024)} MiB");
        return IsIndex(content)
            ? new Page(content, LinkHeader.NextQuery(response), null)
            : new Page(null, null, $"{exchange.WaitingFor} answered with something that is no index of referrers");
    }

    /// <summary>The tag that stands in for the API, by the distribution spec's scheme.</summary>
    /// <param name="nonsense">What the API gave with 200 and was no index: then the tag alone can say that there are none.</param>
    private async Task<UpstreamResult<ReferrersBody>> GetFallbackAsync(
        string? nonsense, CancellationTokenSource deadline, CancellationToken cancellationToken)
    {
        const int MaxEncoded = 64;
        var hex = subject.Hex;
        var tag = $"{subject.Algorithm}-{(hex.Length > MaxEncoded ? hex[..MaxEncoded] : hex)}";
        var result = await client.GetManifestAsync(repository, tag, deadline, cancellationToken);
        return result switch
        {
            // GitLab takes such a tag for the digest itself: the subject is no list of its own referrers.
            { IsFound: true } when result.Value.Digest != subject && IsIndex(result.Value.Content) =>
                new(UpstreamOutcome.Found, new ReferrersBody(result.Value.Content, IsFallback: true), RateLimit: result.RateLimit),
            { IsFound: true } or { Outcome: UpstreamOutcome.NotFound } when nonsense is not null =>
                new(UpstreamOutcome.BadAnswer, null, nonsense),
            { IsFound: true } or { Outcome: UpstreamOutcome.NotFound } =>
                new(UpstreamOutcome.Found, new ReferrersBody(EmptyIndex, IsFallback: true), RateLimit: result.RateLimit),
            _ => result.As<ReferrersBody>(),
        };
    }

    private static bool IsIndex(ReadOnlyMemory<byte> content)
    {
        using var document = ForeignJson.TryParse(content);
        return document is not null && ManifestTypes.IsIndex(document.RootElement);
    }

    /// <summary>One page; without content where the upstream has no such API.</summary>
    private sealed record Page(byte[]? Content, string? Next, string? Nonsense);
}
