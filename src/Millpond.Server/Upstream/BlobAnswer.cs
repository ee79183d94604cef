using System.Net;
using System.Net.Http.Headers;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Reads an upstream's answer to a question for a blob: what of it these bytes are must be beyond doubt.</summary>
internal static class BlobAnswer
{
    public static ByteRange FirstByte { get; } = new(0, 0);

    /// <summary>How much of a whole body is read to come to a part of it: an upstream without ranges is not made to send a gigabyte for 64 bytes.</summary>
    private const long FarthestSkipped = 1024 * 1024;

    public static BlobProbe ReadProbe(HttpResponseMessage response, string who) => response.StatusCode switch
    {
        HttpStatusCode.OK => new BlobProbe(WholeLength(response)),
        HttpStatusCode.PartialContent => new BlobProbe(RangeOf(response, FirstByte, who).Length),
        // An empty blob has no first byte.
        HttpStatusCode.RequestedRangeNotSatisfiable when response.Content.Headers.ContentRange is { Unit: "bytes", Length: 0 } => new BlobProbe(0),
        _ => throw Unsatisfied(response, FirstByte, who),
    };

    /// <summary>Reads a part of a blob; of a 200 no further than a bound, so that another place than the asked one may be what is read.</summary>
    public static async Task<BlobPart> ReadPartAsync(HttpResponseMessage response, ByteRange range, string who, CancellationToken cancellationToken)
    {
        if (response is { StatusCode: HttpStatusCode.RequestedRangeNotSatisfiable, Content.Headers.ContentRange: { Unit: "bytes", Length: 0 } })
        {
            return new BlobPart(0, ReadOnlyMemory<byte>.Empty, 0);
        }

        using var body = await ReadBodyAsync(response, range, who, cancellationToken);
        if (body is { Start: 0, TotalLength: 0 })
        {
            return new BlobPart(0, ReadOnlyMemory<byte>.Empty, 0);
        }

        var bytes = new byte[(int)((range.To ?? range.From) - range.From + 1)];
        var start = body.Start == range.From || range.From + bytes.Length <= FarthestSkipped ? range.From : range.From % (FarthestSkipped - bytes.Length);
        try
        {
            await SkipAsync(body.Content, start - body.Start, cancellationToken);
            await body.Content.ReadExactlyAsync(bytes, cancellationToken);
            return new BlobPart(start, bytes, body.TotalLength);
        }
        catch (EndOfStreamException)
        {
            throw Bad($"{who} has no {bytes.Length} bytes of the blob from byte {start} on");
        }
    }

    private static async Task SkipAsync(Stream content, long count, CancellationToken cancellationToken)
    {
        var scratch = new byte[(int)Math.Min(count, 64 * 1024)];
        while (count > 0)
        {
            var step = (int)Math.Min(scratch.Length, count);
            await content.ReadExactlyAsync(scratch.AsMemory(0, step), cancellationToken);
            count -= step;
        }
    }

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
