using System.Text;
using System.Threading.Channels;

namespace Millpond.Server.Telemetry;

/// <summary>
/// Lines on their way out. Whoever logs only queues; a thread of its own writes, since an output may block for as long as its reader
/// likes. While the queue is full, lines are dropped and counted.
/// </summary>
internal sealed class LogOutput : IDisposable
{
    private const int QueueLength = 4096;

    /// <summary>Characters of all queued lines: one may quote what a client sent, tens of thousands at a time.</summary>
    private const long QueuedCharacters = 8L * 1024 * 1024;

    /// <summary>What a pipe takes in one piece, so that others' lines on the same output do not fall between.</summary>
    private const int PieceLength = 4096;

    /// <summary>How long the end of the program waits for an output that takes nothing.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly Channel<string> queue = Channel.CreateBounded<string>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly StringBuilder piece = new(PieceLength);
    private readonly TextWriter output;
    private readonly Func<long, string> droppedLine;
    private readonly Thread thread;
    private long dropped;
    private long queued;

    public LogOutput(TextWriter output, Func<long, string> droppedLine)
    {
        this.output = output;
        this.droppedLine = droppedLine;
        thread = new(Run) { IsBackground = true, Name = "log" };
        thread.Start();
    }

    /// <summary>Queues a line, without its end. Never waits.</summary>
    public void Write(string line)
    {
        if (Interlocked.Add(ref queued, line.Length) > QueuedCharacters || !queue.Writer.TryWrite(line))
        {
            Interlocked.Add(ref queued, -line.Length);
            Interlocked.Increment(ref dropped);
        }
    }

    /// <summary>Writes what is queued.</summary>
    public void Dispose()
    {
        queue.Writer.TryComplete();
        thread.Join(LastWords);
    }

    private void Run()
    {
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            try
            {
                WriteQueued();
            }
            catch (Exception failure) when (failure is IOException or ObjectDisposedException)
            {
                // The output is gone, such as a closed pipe. The server goes on without a log.
                piece.Clear();
            }
        }
    }

    private void WriteQueued()
    {
        while (queue.Reader.TryRead(out var line))
        {
            Interlocked.Add(ref queued, -line.Length);
            Append(line);
        }

        if (Interlocked.Exchange(ref dropped, 0) is var count and > 0)
        {
            Append(droppedLine(count));
        }

        WritePiece();
    }

    private void Append(string line)
    {
        if (piece.Length > 0 && piece.Length + line.Length >= PieceLength)
        {
            WritePiece();
        }

        piece.Append(line).Append('\n');
    }

    private void WritePiece()
    {
        output.Write(piece);
        output.Flush();
        piece.Clear();
    }
}
