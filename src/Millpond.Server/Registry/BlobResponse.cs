using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Sending;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Registry;

/// <summary>
/// The one place where a blob leaves, stored or still growing, whole or in part. A body that cannot be finished ends in a reset connection,
/// never cleanly: a short body must not look like a whole one.
/// </summary>
public sealed class BlobResponse(TimeProvider time, MillpondMetrics metrics)
{
    public const string MediaType = "application/octet-stream";

    /// <summary>A step of the copy. Measured: 256 KiB costs half the CPU of 64 KiB; larger steps gain little and hold memory.</summary>
    private const int BlockSize = 256 * 1024;

    /// <summary>The first step, which is read before the status is sent, so that a fill that fails at once is answered with an error.</summary>
    private const int FirstBlockSize = 64 * 1024;

    /// <summary>What is read where bytes are waited for that can be sent from their file: enough to make a packet of.</summary>
    private const int AwaitedSize = 64 * 1024;

    /// <summary>The fewest bytes of a file that the kernel sends. Measured: of 8 KiB a copy costs as much, of 17 KiB a quarter more, of 32 KiB two thirds.</summary>
    private const int SmallestGrant = 16 * 1024;

    /// <summary>Steps without a wait, after which others have their turn.</summary>
    private const int StepsAtOnce = 4;

    public static string EntityTag(Digest digest) => $"\"{digest}\"";

    public static void SetHeaders(IHeaderDictionary headers, Digest digest, CacheStatus status)
    {
        headers[RegistryHeaders.ContentDigest] = digest.ToString();
        headers.ETag = EntityTag(digest);
        headers.CacheControl = RegistryHeaders.NoTransform;
        headers.AcceptRanges = "bytes";
        RegistryHeaders.SetCache(headers, status);
    }

    /// <summary>Answers a GET.</summary>
    public async ValueTask<RegistryAnswer> SendAsync(HttpContext context, BlobContent content, Digest digest, CacheStatus status, string? rule)
    {
        // Looked at once: a fill may come to know it meanwhile, and the answer has begun by what was known then.
        var length = content.Length;
        var part = WhichPart(context.Request, digest, length);
        if (part.Verdict == RangeVerdict.NotSatisfiable)
        {
            context.Response.Headers.ContentRange = $"bytes */{length}";
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.RangeNotSatisfiable with { Rule = rule });
        }

        content.Expect(part.Start, part.Length);
        var output = length is not null && context.Features.Get<SocketOutput>() is { TakesFiles: true } direct ? direct : null;
        byte[]? first = null;
        try
        {
            // Where the first bytes are here nothing can fail any more. Else one byte of an empty blob too: an upstream that sends nothing for another
            // digest shows at the end only.
            ReadOnlyMemory<byte>? read = null;
            if (!content.IsHere(part.Start) && (output is null || !IsGivable(content.FindFile(part.Start, part.Length))))
            {
                first = ArrayPool<byte>.Shared.Rent(FirstBlockSize);
                var block = first.AsMemory(0, (int)Math.Clamp(part.Length, 1, FirstBlockSize));
                read = block[..await content.ReadAsync(block, part.Start, context.RequestAborted)];
            }

            SetHeaders(context.Response.Headers, digest, status);
            SetExtent(context.Response, part, length);
            var (sent, isCut) = await CopyAsync(new(context, content, part, output), length is not null, read, rule);
            if (isCut)
            {
                context.Abort();
            }

            return new(context.Response.StatusCode, sent, RegistryHeaders.Text(status), rule, isCut);
        }
        catch (FillFailedException failed) when (!context.Response.HasStarted)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(failed.Failure, digest.ToString()));
        }
        finally
        {
            if (first is not null)
            {
                ArrayPool<byte>.Shared.Return(first);
            }
        }
    }

    private static RequestedRange WhichPart(HttpRequest request, Digest digest, long? length)
    {
        var whole = new RequestedRange(RangeVerdict.Whole, 0, length ?? long.MaxValue);
        var range = request.Headers.Range;
        if (range.Count != 1 || length is null)
        {
            return whole;
        }

        var condition = request.Headers.IfRange;
        return condition.Count == 0 || condition.ToString() == EntityTag(digest) ? RequestedRange.Parse(range.ToString(), length.Value) : whole;
    }

    private static void SetExtent(HttpResponse response, RequestedRange part, long? length)
    {
        response.ContentType = MediaType;
        if (length is null)
        {
            return;
        }

        response.ContentLength = part.Length;
        if (part.Verdict == RangeVerdict.Part)
        {
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = $"bytes {part.Start}-{part.Start + part.Length - 1}/{length}";
        }
    }

    /// <summary>Whether bytes of a file are worth a call of their own: few are read and sent with the headers.</summary>
    private static bool IsGivable(FileRange? range) => range is { Length: >= SmallestGrant };

    private async ValueTask<(long Sent, bool IsCut)> CopyAsync(Answer answer, bool isPromised, ReadOnlyMemory<byte>? first, string? rule)
    {
        var (context, part) = (answer.Context, answer.Part);

        // Bytes given by Advance do not count for the framework's own limit, which would cut honest slow readers.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        var sent = 0L;
        var steps = 0;
        // What a connection's peer acknowledges says nothing of one stream of many.
        using var peer = new PeerWatch(context, HttpProtocol.IsHttp2(context.Request.Protocol) ? null : context.Features.Get<SocketOutput>(), time);
        try
        {
            await context.Response.StartAsync(context.RequestAborted);
            var writer = context.Response.BodyWriter;
            if (first is { } block)
            {
                writer.Write(block.Span);
            }

            var given = first?.Length ?? await GiveBlockAsync(answer, writer, 0);
            while (given > 0)
            {
                var isGone = await peer.FlushAsync(writer);
                sent += given;
                metrics.BytesOut(rule ?? "none", given);
                if (isGone)
                {
                    return (sent, true);
                }

                if (sent == part.Length)
                {
                    break;
                }

                if (++steps % StepsAtOnce == 0)
                {
                    // A client that takes all at once must not keep this thread to itself.
                    await Task.Yield();
                }

                given = await GiveBlockAsync(answer, writer, sent);
            }

            return (sent, isPromised && sent < part.Length);
        }
        catch (Exception failure) when (failure is FillFailedException or OperationCanceledException)
        {
            return (sent, true);
        }
    }

    private static async ValueTask<int> GiveBlockAsync(Answer answer, PipeWriter writer, long sent)
    {
        var (offset, left) = (answer.Part.Start + sent, answer.Part.Length - sent);
        var file = answer.Output is null ? null : answer.Content.FindFile(offset, left);
        if (IsGivable(file) && answer.Output!.TryGive(writer, file!.Value) is > 0 and var given)
        {
            return given;
        }

        var wanted = (int)Math.Min(answer.Output is not null && answer.Content.IsOfFile ? AwaitedSize : BlockSize, left);
        var read = await answer.Content.ReadAsync(writer.GetMemory(wanted)[..wanted], offset, answer.Context.RequestAborted);
        writer.Advance(read);
        return read;
    }

    /// <summary>What is answered, from where, and beneath what: null where bytes must be copied.</summary>
    private readonly record struct Answer(HttpContext Context, BlobContent Content, RequestedRange Part, SocketOutput? Output);
}
