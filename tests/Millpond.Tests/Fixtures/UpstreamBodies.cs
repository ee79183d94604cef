using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Millpond.Tests.Fixtures;

/// <summary>Sends bodies, whole or by range, in the way an armed fault wants it.</summary>
internal sealed class UpstreamBodies(FakeUpstreamOptions options, UpstreamJournal journal, ArmedFaults faults)
{
    private const int Step = 64 * 1024;
    private const int TrickleRate = 1024;

    private readonly ConcurrentDictionary<string, ConcurrentBag<Gate>> gates = new(StringComparer.Ordinal);
    private bool isDown;

    /// <summary>Bytes per second of each body; null for as fast as it goes.</summary>
    public long? Rate { get; set; }

    /// <summary>Set when every connection was broken: nothing more is sent, and nothing more counted.</summary>
    public bool IsDown
    {
        get => Volatile.Read(ref isDown);
        set => Volatile.Write(ref isDown, value);
    }

    public void AddGate(string digest, Gate gate) => gates.GetOrAdd(digest, _ => []).Add(gate);

    public void OpenGates()
    {
        foreach (var gate in gates.Values.SelectMany(bag => bag))
        {
            gate.Open();
        }
    }

    /// <summary>Answers with the content; the response's type and digest headers are set by the caller.</summary>
    public async Task SendAsync(HttpContext context, UpstreamRequest request, TestBlob content, bool ranges)
    {
        if (request.Method == "HEAD")
        {
            context.Response.ContentLength = content.Length;
            return;
        }

        var fault = faults.Take(FaultStage.Body, request);
        var plan = Plan(context, ranges && fault?.Fault != UpstreamFault.IgnoresRange ? request.Range : null, content.Length);
        if (plan is not { } part)
        {
            context.Response.StatusCode = 416;
            context.Response.Headers.ContentRange = $"bytes */{content.Length}";
            return;
        }

        request.Status = context.Response.StatusCode;
        if (fault?.Fault == UpstreamFault.GzipBody)
        {
            await SendCompressedAsync(context, request, content, part);
            return;
        }

        part = Misbehave(context, fault, part);
        await WriteAsync(new Sending(context, request, content, fault), part);
    }

    private static Part? Plan(HttpContext context, RangeItemHeaderValue? range, long length)
    {
        if (range is null)
        {
            context.Response.ContentLength = length;
            return new Part(0, length);
        }

        var from = range.From ?? Math.Max(0, length - (range.To ?? 0));
        var end = range.From is null ? length : Math.Min(length, (range.To ?? length - 1) + 1);
        if (from >= length || end <= from)
        {
            return null;
        }

        context.Response.StatusCode = 206;
        context.Response.Headers.ContentRange = $"bytes {from}-{end - 1}/{length}";
        context.Response.ContentLength = end - from;
        return new Part(from, end);
    }

    /// <summary>What the fault does to headers and extent.</summary>
    private static Part Misbehave(HttpContext context, ArmedFault? fault, Part part)
    {
        var length = part.End - part.From;
        switch (fault?.Fault)
        {
            case UpstreamFault.CutAtStart:
                return part with { End = part.From };
            case UpstreamFault.CutAfterOneByte:
                return part with { End = part.From + 1 };
            case UpstreamFault.CutAtHalf:
                return part with { End = part.From + (length / 2) };
            case UpstreamFault.CutAtNinetyPercent:
                return part with { End = part.From + (length * 9 / 10) };
            case UpstreamFault.CutBeforeLastByte:
                return part with { End = part.End - 1 };
            case UpstreamFault.WrongRangeStart:
                context.Response.Headers.ContentRange = $"bytes {part.From - 1}-{part.End - 1}/{part.End}";
                context.Response.ContentLength = length + 1;
                return part with { From = part.From - 1 };
            case UpstreamFault.EmptyBody:
                context.Response.ContentLength = 0;
                return part with { End = part.From };
            case UpstreamFault.ShortContentLength:
                context.Response.ContentLength = length - 1;
                return part with { End = part.End - 1 };
            case UpstreamFault.LongContentLength:
                context.Response.ContentLength = length + 10;
                return part;
            case UpstreamFault.NoContentLength:
                context.Response.ContentLength = null;
                return part;
            default:
                return part;
        }
    }

    private async Task WriteAsync(Sending sending, Part part)
    {
        var cancelled = sending.Context.RequestAborted;
        var writer = sending.Context.Response.BodyWriter;
        await sending.Context.Response.StartAsync(cancelled);
        var rate = sending.Fault?.Fault == UpstreamFault.Trickle ? TrickleRate : Rate;
        var started = options.Time.GetTimestamp();
        var half = part.From + ((part.End - part.From) / 2);
        var flipped = sending.Fault?.Fault == UpstreamFault.WrongBytes ? half : -1;
        List<Gate> stops = [.. gates.GetValueOrDefault(sending.Content.Digest.ToString(), [])];
        for (var position = part.From; position < part.End;)
        {
            if (sending.Fault?.Fault == UpstreamFault.Stall && position == half)
            {
                await writer.FlushAsync(cancelled);
                await sending.Fault.HoldAsync(cancelled);
            }

            foreach (var gate in stops.Where(gate => gate.After == position && !gate.IsOpen))
            {
                await writer.FlushAsync(cancelled);
                await gate.PassAsync(cancelled);
            }

            var stop = stops.Where(gate => gate.After > position && !gate.IsOpen).Select(gate => gate.After).Append(part.End).Min();
            stop = position < half ? Math.Min(stop, half) : stop;
            var step = (int)Math.Min(Math.Min(Step, rate ?? Step), stop - position);
            await SendStepAsync(sending, position, step, flipped);
            position += step;
            if (rate is { } perSecond)
            {
                await PaceAsync(started, TimeSpan.FromSeconds((position - part.From) / (double)perSecond), cancelled);
            }
        }
    }

    private async Task SendStepAsync(Sending sending, long position, int count, long flipped)
    {
        if (IsDown)
        {
            throw new OperationCanceledException("The upstream is down.");
        }

        var writer = sending.Context.Response.BodyWriter;
        var memory = writer.GetMemory(count)[..count];
        sending.Content.Read(position, memory.Span);
        if (flipped >= position && flipped < position + count)
        {
            memory.Span[(int)(flipped - position)] ^= 1;
        }

        writer.Advance(count);
        // Counted before the client can see the bytes, so that what it has is never more than what is counted.
        sending.Request.Sent(count);
        var flushed = await writer.FlushAsync(sending.Context.RequestAborted);
        journal.Changed();
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException("The client is gone.");
        }
    }

    private async Task PaceAsync(long started, TimeSpan due, CancellationToken cancelled)
    {
        var wait = due - options.Time.GetElapsedTime(started);
        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        // The clock of a test may jump between the look at it and the start of the delay, hence the second look.
        var delay = Task.Delay(wait, options.Time, cancelled);
        if (options.Time.GetElapsedTime(started) < due)
        {
            await delay;
        }
    }

    private static async Task SendCompressedAsync(HttpContext context, UpstreamRequest request, TestBlob content, Part part)
    {
        context.Response.ContentLength = null;
        context.Response.Headers.ContentEncoding = "gzip";
        await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
        var buffer = new byte[Step];
        for (var position = part.From; position < part.End;)
        {
            var count = (int)Math.Min(buffer.Length, part.End - position);
            content.Read(position, buffer.AsSpan(0, count));
            await gzip.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
            request.Sent(count);
            position += count;
        }
    }

    private readonly record struct Part(long From, long End)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{From}-{End}");
    }

    private sealed record Sending(HttpContext Context, UpstreamRequest Request, TestBlob Content, ArmedFault? Fault);
}
