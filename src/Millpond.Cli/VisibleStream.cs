using System.Text;
using Millpond.Server.Telemetry;

namespace Millpond.Cli;

/// <summary>
/// Content on its way to a terminal, as it may be shown; elsewhere it goes past this, byte for byte. What comes in pieces is shown by
/// lines, so that no character is cut.
/// </summary>
internal sealed class VisibleStream(Stream inner) : Stream
{
    private const int LongestLine = 64 * 1024;

    private readonly MemoryStream line = new();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        foreach (var value in buffer)
        {
            line.WriteByte(value);
            if (value == '\n' || line.Length == LongestLine)
            {
                WriteLine();
            }
        }
    }

    public override void Flush()
    {
        WriteLine();
        inner.Flush();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            WriteLine();
            inner.Dispose();
            line.Dispose();
        }

        base.Dispose(disposing);
    }

    private void WriteLine()
    {
        // A carriage return before the line's end is a file's own way to end lines.
        var text = Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
        var end = text.EndsWith("\r\n", StringComparison.Ordinal) ? "\r\n" : "";
        inner.Write(Encoding.UTF8.GetBytes(VisibleText.Lines(text[..^end.Length]) + end));
        line.SetLength(0);
    }
}
