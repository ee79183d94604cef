using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Millpond.Server.Registry.Sending;

/// <summary>
/// Blocks that the web server receives into. Its own have 4 KiB, and each is a call and a handing over: a pushed gigabyte is 262,144 of them. Here the first that are out
/// are large; beyond those they are as its own, so that many clients who have sent little and wait hold no more than before.
/// </summary>
internal sealed class ReceivePool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    /// <summary>Four times as large is no faster; a fill's read is larger because each of its blocks is hashed and written by itself.</summary>
    public const int LargeBlock = 64 * 1024;

    /// <summary>As the web server's own.</summary>
    public const int SmallBlock = 4 * 1024;

    /// <summary>8 MiB, which are kept once they were needed.</summary>
    public const int MostLarge = 128;

    /// <summary>Small ones that are kept for the next; those beyond are left to the garbage collector.</summary>
    private const int MostSmallKept = 1024;

    private readonly ConcurrentQueue<Block> largeKept = new();
    private readonly ConcurrentQueue<Block> smallKept = new();
    private int largeOut;
    private int smallInQueue;

    /// <inheritdoc/>
    public override int MaxBufferSize => LargeBlock;

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, LargeBlock);
        if (Interlocked.Increment(ref largeOut) <= MostLarge)
        {
            return (largeKept.TryDequeue(out var large) ? large : new Block(this, LargeBlock)).Lend();
        }

        Interlocked.Decrement(ref largeOut);
        if (minBufferSize > SmallBlock)
        {
            return Shared.Rent(minBufferSize);
        }

        if (smallKept.TryDequeue(out var small))
        {
            Interlocked.Decrement(ref smallInQueue);
            return small.Lend();
        }

        return new Block(this, SmallBlock).Lend();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // There is one for all listeners, for as long as the server runs.
    }

    private void TakeBack(Block block)
    {
        switch (block.Memory.Length)
        {
            case LargeBlock:
                largeKept.Enqueue(block);
                Interlocked.Decrement(ref largeOut);
                break;
            case SmallBlock when Interlocked.Increment(ref smallInQueue) <= MostSmallKept:
                smallKept.Enqueue(block);
                break;
            case SmallBlock:
                Interlocked.Decrement(ref smallInQueue);
                break;
        }
    }

    /// <summary>Pinned, since the kernel writes into it. Given back twice in a row it is still lent to one only.</summary>
    private sealed class Block(ReceivePool pool, int size) : IMemoryOwner<byte>
    {
        private int isOut;

        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(size, pinned: true);

        public Block Lend()
        {
            Volatile.Write(ref isOut, 1);
            return this;
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isOut, 0) == 1)
            {
                pool.TakeBack(this);
            }
        }
    }
}
