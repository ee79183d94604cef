using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>A blob's content by offset: given bytes, or made on the fly so that a layer of gigabytes needs no memory.</summary>
public sealed class TestBlob
{
    private const int TileLength = 64 * 1024;
    private static readonly ConcurrentDictionary<(int Seed, long Length), Lazy<Digest>> Digests = new();

    private readonly byte[] tile;
    private readonly bool isGenerated;

    private TestBlob(byte[] tile, long length, bool isGenerated, Func<TestBlob, Digest> digest)
    {
        this.tile = tile;
        this.isGenerated = isGenerated;
        Length = length;
        Digest = digest(this);
    }

    public Digest Digest { get; }

    public long Length { get; }

    public static TestBlob Of(byte[] content) => new(content, content.Length, isGenerated: false, _ => Digest.Sha256(content));

    /// <param name="content">All of it.</param>
    /// <param name="algorithm"><c>sha256</c> or <c>sha512</c>.</param>
    public static TestBlob Of(byte[] content, string algorithm) => new(content, content.Length, isGenerated: false, _ => algorithm == "sha512"
        ? Digest.FromHash(algorithm, SHA512.HashData(content))
        : Digest.Sha256(content));

    public static TestBlob Of(string text) => Of(Encoding.UTF8.GetBytes(text));

    /// <summary>The same bytes for the same seed and length: a seeded tile of 64 KiB again and again, each stamped with its number.</summary>
    public static TestBlob Generated(int seed, long length)
    {
        var tile = new byte[TileLength];
        new Random(seed).NextBytes(tile);
        return new TestBlob(tile, length, isGenerated: true, blob => Digests.GetOrAdd((seed, length), _ => new(blob.Hash)).Value);
    }

    /// <summary>Writes the content from this offset on; the buffer must not reach beyond the end.</summary>
    public void Read(long offset, Span<byte> buffer)
    {
        if (!isGenerated)
        {
            tile.AsSpan((int)offset, buffer.Length).CopyTo(buffer);
            return;
        }

        Span<byte> stamp = stackalloc byte[sizeof(long)];
        while (!buffer.IsEmpty)
        {
            var (number, start) = Math.DivRem(offset, TileLength);
            var count = (int)Math.Min(TileLength - start, buffer.Length);
            tile.AsSpan((int)start, count).CopyTo(buffer);
            if (start < stamp.Length)
            {
                BinaryPrimitives.WriteInt64LittleEndian(stamp, number);
                var stamped = Math.Min(stamp.Length - (int)start, count);
                stamp.Slice((int)start, stamped).CopyTo(buffer);
            }

            buffer = buffer[count..];
            offset += count;
        }
    }

    /// <summary>All of it; for small blobs.</summary>
    public byte[] ToArray()
    {
        var content = new byte[Length];
        Read(0, content);
        return content;
    }

    private Digest Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        for (long offset = 0; offset < Length;)
        {
            var count = (int)Math.Min(buffer.Length, Length - offset);
            Read(offset, buffer.AsSpan(0, count));
            hash.AppendData(buffer, 0, count);
            offset += count;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return Digest.FromHash("sha256", hash.GetHashAndReset());
    }
}
