using System.Net;
using System.Net.Http.Headers;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Reads an upstream's answer to a question for a blob: what of it these bytes are must be beyond doubt.</summary>
internal static class BlobAnswer
{
    public static ByteRange FirstByte { get; } = new(0, 0);

    public static BlobProbe ReadProbe(HttpResponseMessage response, string who) => response.StatusCode switch
    {
        HttpStatusCode.OK => new BlobProbe(WholeLength(response)),
        HttpStatusCode.PartialContent => new BlobProbe(RangeOf(response, FirstByte, who).Length),
        // An empty blob has no first byte.
        HttpStatusCode.RequestedRangeNotSatisfiable when response.Content.Headers.ContentRange is { Unit: "bytes", Length: 0 } => new BlobProbe(0),
        _ => throw Unsatisfied(response, FirstByte, who),
    };

    public static async Task<BlobBody> ReadBodyAsync(HttpResponseMessage response, ByteRange? range, string who, CancellationToken cancellationToken)
    {
        if (ManifestAnswer.IsEncoded(response))
        {
            throw Bad($"{who} sent the blob compressed although it was asked not to");
        }

        var bodyLength = response.Content.Headers.ContentLength;
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK:
                return new BlobBody(await response.Content.ReadAsStreamAsync(cancellationToken), 0, bodyLength, bodyLength, response);
            case HttpStatusCode.PartialContent:
                var told = RangeOf(response, range ?? new ByteRange(0, null), who);
                var (from, to) = (told.From ?? 0, told.To ?? 0);
                if (range is null && told.Length != to + 1)
                {
                    throw Bad($"{who} sent a part of the blob although all of it was asked for");
                }

                if (bodyLength is { } length && length != to - from + 1)
                {
                    throw Bad($"{who} sent {length} bytes for the range {from}-{to}");
                }

                return new BlobBody(await response.Content.ReadAsStreamAsync(cancellationToken), from, told.Length, to - from + 1, response);
            default:
                throw Unsatisfied(response, range, who);
        }
    }

    private static long? WholeLength(HttpResponseMessage response) => ManifestAnswer.IsEncoded(response) ? null : response.Content.Headers.ContentLength;

    /// <summary>The <c>Content-Range</c> of a 206, which must lie in the range that was asked for and begin with it.</summary>
    private static ContentRangeHeaderValue RangeOf(HttpResponseMessage response, ByteRange asked, string who)
    {
        if (response.Content.Headers.ContentRange is not { Unit: "bytes", HasRange: true, From: { } from, To: { } to } told)
        {
            throw Bad($"{who} answered 206 without saying which bytes it sends");
        }

        return from == asked.From && (asked.To is null || to <= asked.To)
            ? told
            : throw Bad($"{who} was asked for the bytes {Text(asked)} and sent {from}-{to}");
    }

    private static UpstreamException Unsatisfied(HttpResponseMessage response, ByteRange? range, string who) =>
        response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable
            ? Bad($"{who} says the blob has no bytes {(range is { } asked ? Text(asked) : "at all")}"
                + (response.Content.Headers.ContentRange?.Length is { } length ? $": it has {length}" : ""))
            : Bad($"{who} answered {(int)response.StatusCode} to a request for a blob");

    private static string Text(ByteRange range) => $"{range.From}-{range.To}";

    private static UpstreamException Bad(string reason) => new(UpstreamOutcome.BadAnswer, reason);
}
