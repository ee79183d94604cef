using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading.Channels;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations;

/// <summary>
/// A line per request, written beside the requests: they only put an entry into a bounded queue, and where the output is too slow for the
/// traffic, lines are dropped and counted rather than pulls delayed.
/// </summary>
public sealed class AccessLog : IAsyncDisposable
{
    private const int QueueLength = 16 * 1024;

    /// <summary>No image's path is longer. Whole, a queue of what clients may send in a line and a header would take gigabytes.</summary>
    private const int LongestPath = 800;

    private const int LongestAgent = 200;

    /// <summary>What a pipe takes in one piece, so that other lines on the same output do not fall between.</summary>
    private const int PieceSize = 4096;

    /// <summary>Waited before a batch is written; waking the writer for each entry costs more than the line.</summary>
    private static readonly TimeSpan Batching = TimeSpan.FromMilliseconds(50);

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Channel<AccessEntry> queue;
    private readonly Stream output;
    private readonly LogFormat format;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource hurry = new();
    private readonly ArrayBufferWriter<byte> piece = new(2 * PieceSize);
    private readonly ArrayBufferWriter<byte> line = new();
    private readonly Utf8JsonWriter json;
    private readonly Task writing;
    private long dropped;

    public AccessLog(Stream output, LogFormat format, TimeProvider time)
    {
        this.output = output;
        this.format = format;
        this.time = time;
        json = new(line, Readable);
        var options = new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true };
        queue = Channel.CreateBounded<AccessEntry>(options, _ => Interlocked.Increment(ref dropped));
        writing = WriteAllAsync();
    }

    public void Record(in AccessEntry entry) => queue.Writer.TryWrite(
        entry.Path.Length <= LongestPath && (entry.Agent?.Length ?? 0) <= LongestAgent && entry.Method.Length <= LongestAgent
            ? entry
            : entry with { Path = Cut(entry.Path, LongestPath), Agent = Cut(entry.Agent, LongestAgent), Method = Cut(entry.Method, LongestAgent) });

    /// <summary>Writes what is queued and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await hurry.CancelAsync();
        await writing;
        await json.DisposeAsync();
        hurry.Dispose();
    }

    [return: NotNullIfNotNull(nameof(text))]
    private static string? Cut(string? text, int length) => text is null || text.Length <= length ? text : string.Concat(text.AsSpan(0, length), "…");

    private async Task WriteAllAsync()
    {
        await Task.Yield();
        while (await queue.Reader.WaitToReadAsync())
        {
            await Task.Delay(Batching, time, hurry.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                WriteQueued();
            }
            catch (IOException)
            {
                // The output is gone, such as a closed pipe; pulls are answered all the same.
                piece.ResetWrittenCount();
            }
        }
    }

    private void WriteQueued()
    {
        while (queue.Reader.TryRead(out var entry))
        {
            line.ResetWrittenCount();
            WriteEntry(entry);
            Append();
        }

        if (Interlocked.Exchange(ref dropped, 0) is var count and > 0)
        {
            line.ResetWrittenCount();
            Encoding.UTF8.GetBytes(format == LogFormat.Json ? $"{{\"log\":\"access\",\"dropped\":{count}}}\n" : $"access dropped {count} lines\n", line);
            Append();
        }

        WritePiece();
        output.Flush();
    }

    private void Append()
    {
        if (piece.WrittenCount + line.WrittenCount > PieceSize)
        {
            WritePiece();
        }

        piece.Write(line.WrittenSpan);
    }

    private void WritePiece()
    {
        output.Write(piece.WrittenSpan);
        piece.ResetWrittenCount();
    }

    private void WriteEntry(in AccessEntry entry)
    {
        if (format == LogFormat.Json)
        {
            json.Reset();
            WriteJson(entry);
            json.Flush();
        }
        else
        {
            WriteText(entry);
        }

        line.Write("\n"u8);
    }

    private void WriteJson(in AccessEntry entry)
    {
        json.WriteStartObject();
        json.WriteString("time"u8, entry.Time.UtcDateTime);
        json.WriteString("log"u8, "access"u8);
        json.WriteString("method"u8, entry.Method);
        json.WriteString("path"u8, entry.Path);
        json.WriteNumber("status"u8, entry.Status);
        json.WriteNumber("bytes"u8, entry.Bytes);
        // As a decimal: a double of microseconds is written with an exponent.
        json.WriteNumber("seconds"u8, Math.Round((decimal)entry.Took.TotalSeconds, 6));
        json.WriteString("result"u8, entry.Result);
        if (entry.Rule is not null)
        {
            json.WriteString("rule"u8, entry.Rule);
        }

        if (entry.IsCut)
        {
            json.WriteBoolean("cut"u8, true);
        }

        json.WriteString("client"u8, entry.Client?.ToString());
        json.WriteString("agent"u8, entry.Agent);
        json.WriteEndObject();
    }

    private void WriteText(in AccessEntry entry)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{entry.Time:yyyy-MM-ddTHH:mm:ss.fffZ} access {entry.Client} {entry.Method} {entry.Path} {entry.Status} {entry.Bytes} {entry.Took.TotalSeconds:0.000000} {entry.Result} {entry.Rule ?? "-"}{(entry.IsCut ? " cut" : "")}");
        Encoding.UTF8.GetBytes(VisibleText.Of(text.ReplaceLineEndings(" ")), line);
    }
}
