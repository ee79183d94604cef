using System.Buffers;
using System.Security.Cryptography;
using Millpond.Images;
using Millpond.Server.Store;

namespace Millpond.Server.Cache;

/// <summary>
/// A blob straight from upstream for one client, without storing: where the disk is full, and for a range far ahead of a fill. A body
/// read from its first byte to its last is hashed on the way, and its last block is withheld until the digest holds.
/// </summary>
internal sealed class PrivateContent : BlobContent
{
    private readonly Digest digest;
    private readonly Func<long, long?, ResumingBody> open;
    private readonly long? size;
    private ResumingBody? body;
    private IncrementalHash? hash;
    private long position;

    /// <param name="open">Opens upstream at an offset, given the blob's size where it is known.</param>
    public PrivateContent(Digest digest, long? size, Func<long, long?, ResumingBody> open)
    {
        this.digest = digest;
        this.size = size;
        this.open = open;
    }

    public override long? Length => body?.Size ?? size;

    /// <summary>Has the upstream answer before anything is promised to the client.</summary>
    public async Task<PullFailure?> OpenAsync(CancellationToken cancellationToken)
    {
        StartAt(0);
        return await body!.OpenAsync(cancellationToken);
    }

    /// <summary>Hashes what the client already has, so that the whole can still be verified.</summary>
    public void PrimeFrom(Staging staging, long upTo)
    {
        StartAt(upTo);
        hash = IncrementalHash.CreateHash(HashName);
        var scratch = ArrayPool<byte>.Shared.Rent(256 * 1024);
        for (var at = 0L; at < upTo;)
        {
            var count = staging.Read(scratch.AsSpan(0, (int)Math.Min(scratch.Length, upTo - at)), at);
            if (count == 0)
            {
                throw new IOException($"The partial download of {digest} ends at byte {at} of {upTo}.");
            }

            hash.AppendData(scratch, 0, count);
            at += count;
        }

        ArrayPool<byte>.Shared.Return(scratch);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        if (body is null || offset != position)
        {
            StartAt(offset);
        }

        var count = await body!.ReadAsync(buffer, cancellationToken);
        position += count;
        if (hash is not null)
        {
            hash.AppendData(buffer.Span[..count]);
            VerifyAtEnd(count);
        }

        return count;
    }

    public override ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    public void Close()
    {
        body?.Dispose();
        hash?.Dispose();
    }

    private HashAlgorithmName HashName => digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256;

    private void StartAt(long offset)
    {
        body?.Dispose();
        hash?.Dispose();
        hash = offset == 0 ? IncrementalHash.CreateHash(HashName) : null;
        position = offset;
        body = open(offset, size);
    }

    /// <summary>The block that would end the body is handed out only if the digest holds: the exception keeps it back.</summary>
    private void VerifyAtEnd(int count)
    {
        var atEnd = body!.Size is { } whole ? position >= whole : count == 0;
        if (atEnd && hash is not null)
        {
            var actual = Digest.FromHash(digest.Algorithm, hash.GetHashAndReset());
            hash.Dispose();
            hash = null;
            if (actual != digest)
            {
                throw new FillFailedException(new PullFailure(PullFailureKind.UpstreamFailed, $"the upstream's bytes of {digest} have the digest {actual}"));
            }
        }
    }
}
