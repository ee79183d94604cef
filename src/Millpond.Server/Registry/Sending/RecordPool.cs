using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Millpond.Server.Registry.Sending;

/// <summary>
/// Blocks of which each makes one whole record of TLS. The web server hands over block by block what is to be encrypted, and its own have 4 KiB: four
/// records, and four calls, in place of one. An idle connection holds none.
/// </summary>
internal sealed class RecordPool : MemoryPool<byte>, IMemoryPoolFeature
{
    /// <summary>The most that one record carries (RFC 8446, 5.1).</summary>
    private const int LargestRecord = 16 * 1024;

    private static readonly RecordPool Instance = new();

    private RecordPool()
    {
    }

    /// <inheritdoc/>
    public override int MaxBufferSize => Shared.MaxBufferSize;

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => this;

    /// <summary>Gives a connection such blocks, as a middleware.</summary>
    public static Task AttachAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        connection.Features.Set<IMemoryPoolFeature>(Instance);
        return next(connection);
    }

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, LargestRecord));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // There is one for the life of the process.
    }
}
