using System.Text;
using Millpond.Rewriting.Formats;

namespace Millpond.Rewriting.Records;

/// <summary>A file as it was before a recorded rewriting, made while it is read from the file as it is now.</summary>
internal sealed class RestoringStream : ForwardStream
{
    private readonly RecordedFile recorded;
    private readonly FingerprintStream source;
    private readonly FingerprintStream result = new(null);
    private byte[] original = [];
    private int given;
    private int next;
    private RecordedEdit? nextEdit;
    private long at;
    private bool isBroken;

    public RestoringStream(RecordedFile recorded, Stream input)
    {
        this.recorded = recorded;
        nextEdit = EditAt(0);
        source = new FingerprintStream(input);
    }

    /// <summary>Whether everything that was read is what it was; known when all of it has been read.</summary>
    public bool IsExact => !isBroken && nextEdit is null && source.State() == recorded.After && result.State() == recorded.Before;

    public override int Read(Span<byte> buffer)
    {
        var read = buffer.IsEmpty ? 0 : Give(buffer);
        at += read;
        result.Write(buffer[..read]);
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            source.Dispose();
            result.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Give(Span<byte> buffer)
    {
        while (given == original.Length && nextEdit is { } edit && edit.Offset <= at)
        {
            if (edit.Offset < at || !TrySkip(edit.Replacement))
            {
                isBroken = true;
                return 0;
            }

            original = Encoding.UTF8.GetBytes(edit.Original);
            given = 0;
            nextEdit = EditAt(++next);
        }

        if (given < original.Length)
        {
            var length = Math.Min(buffer.Length, original.Length - given);
            original.AsSpan(given, length).CopyTo(buffer);
            given += length;
            return length;
        }

        var most = nextEdit is { } coming ? Math.Min(buffer.Length, coming.Offset - at) : buffer.Length;
        return source.Read(buffer[..(int)most]);
    }

    private RecordedEdit? EditAt(int index) => index < recorded.Edits.Count ? recorded.Edits[index] : null;

    private bool TrySkip(string text)
    {
        var expected = Encoding.UTF8.GetBytes(text);
        var actual = new byte[expected.Length];
        return source.ReadAtLeast(actual, actual.Length, throwOnEndOfStream: false) == expected.Length
            && actual.AsSpan().SequenceEqual(expected);
    }
}
