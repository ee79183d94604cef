using System.Buffers;
using System.Security.Cryptography;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// A blob straight from upstream for one client, without storing: where the disk is full, and for a range far ahead of a fill. A body
/// read from its first byte to its last is hashed on the way, and its last block is withheld until the digest holds. A client that does
/// not read holds nothing of the upstream: the connection and its slot go back, and its next read goes on by a range.
/// </summary>
internal sealed class OwnContent : BlobContent
{
    /// <summary>So long without a read, a client is slower than its upstream may be held for it.</summary>
    private static readonly TimeSpan LetGoAfter = TimeSpan.FromSeconds(2);

    private readonly Digest digest;
    private readonly Func<long, long?, long?, ResumingBody> open;
    private long? size;
    private readonly ITimer letGo;
    private readonly Lock gate = new();
    private ResumingBody? body;
    private IncrementalHash? hash;
    private long position;
    private long? end;
    private bool isReading;

    /// <param name="open">Opens upstream at an offset, up to another, given the blob's size where it is known.</param>
    public OwnContent(Digest digest, long? size, TimeProvider time, Func<long, long?, long?, ResumingBody> open)
    {
        this.digest = digest;
        this.size = size;
        this.open = open;
        letGo = time.CreateTimer(static state => ((OwnContent)state!).LetGo(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public override long? Length => body?.Size ?? size;

    public override void Expect(long from, long length)
    {
        if (length < Length - from || from > 0)
        {
            // Exactly these bytes are asked for, not what was opened to learn how long the blob is.
            var known = Length;
            EndAt(from + length);
            size = known;
            body?.Dispose();
            body = null;
        }
    }

    /// <summary>Nothing is read from this offset on, so that no more is asked for.</summary>
    public void EndAt(long offset) => end = offset < Length ? offset : null;

    /// <summary>Has the upstream answer before anything is promised to the client.</summary>
    public async Task<PullFailure?> OpenAsync(CancellationToken cancellationToken)
    {
        StartAt(0);
        var failure = await body!.OpenAsync(cancellationToken);
        letGo.Change(LetGoAfter, Timeout.InfiniteTimeSpan);
        return failure;
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
        lock (gate)
        {
            isReading = true;
        }

        try
        {
            if (body is null || offset != position)
            {
                StartAt(offset);
                if (await body!.OpenAsync(cancellationToken) is { } failure)
                {
                    throw new FillFailedException(failure);
                }
            }

            var count = await body.ReadAsync(buffer, cancellationToken);
            position += count;
            if (hash is not null)
            {
                hash.AppendData(buffer.Span[..count]);
                VerifyAtEnd(count);
            }

            return count;
        }
        finally
        {
            lock (gate)
            {
                isReading = false;
            }

            letGo.Change(LetGoAfter, Timeout.InfiniteTimeSpan);
        }
    }

    public override ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    public void Close()
    {
        letGo.Dispose();
        lock (gate)
        {
            body?.Dispose();
        }

        hash?.Dispose();
    }

    private HashAlgorithmName HashName => digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256;

    private void StartAt(long offset)
    {
        var length = Length;
        body?.Dispose();
        hash?.Dispose();
        hash = offset == 0 && end is null ? IncrementalHash.CreateHash(HashName) : null;
        position = offset;
        body = open(offset, end, length);
    }

    private void LetGo()
    {
        lock (gate)
        {
            if (!isReading)
            {
                body?.Disconnect();
            }
        }
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
