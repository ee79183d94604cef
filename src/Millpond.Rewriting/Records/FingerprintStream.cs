using System.Security.Cryptography;

namespace Millpond.Rewriting.Records;

/// <summary>Passes bytes on and takes their length and hash on the way; without a stream behind it, it only takes them.</summary>
public sealed class FingerprintStream(Stream? inner) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long length;

    public override bool CanRead => inner?.CanRead ?? false;

    public override bool CanSeek => false;

    public override bool CanWrite => inner?.CanWrite ?? true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What has passed so far.</summary>
    public FileState State() => new(length, Convert.ToHexStringLower(hash.GetCurrentHash()));

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var read = inner?.Read(buffer) ?? 0;
        Take(buffer[..read]);
        return read;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Take(buffer);
        inner?.Write(buffer);
    }

    public override void Flush() => inner?.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            hash.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        length += bytes.Length;
        hash.AppendData(bytes);
    }
}
