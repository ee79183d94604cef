using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Millpond.Server.Cache.Answers;

namespace Millpond.Server.Registry.Sending;

/// <summary>
/// What is written to a connection, sent by the one who writes it: a flush ends when the bytes are the kernel's. Without TLS, bytes of a file are
/// only counted by the web server and moved by sendfile(2), which costs a third of reading and writing them.
/// </summary>
/// <param name="ended">Told once when the peer is gone or nothing more may follow: what stands between does not always pass on that a flush was the last.</param>
internal sealed class SocketOutput(Socket socket, bool takesFiles, Action ended) : PipeWriter
{
    /// <summary>The most bytes of a file that one flush sends.</summary>
    public const int LargestGrant = 1024 * 1024;

    /// <summary>IPPROTO_TCP, TCP_INFO, and the place of a field in it.</summary>
    private const int Tcp = 6;

    /// <inheritdoc cref="Tcp"/>
    private const int TcpInfo = 11;

    /// <inheritdoc cref="Tcp"/>
    private const int BytesAcked = 120;

    private const int SmallestBuffer = 4 * 1024;
    private const int LargestBuffer = 256 * 1024;

    /// <summary>How much is read and written where a file cannot be sent at once: enough to learn when there is room again.</summary>
    private const int BounceSize = 32 * 1024;

    /// <summary>Stands for the bytes of a file while the web server counts them. Nobody reads or writes it, so that it takes no memory but its addresses.</summary>
    private static readonly byte[] Marker = GC.AllocateUninitializedArray<byte>(LargestGrant);

    /// <summary>What goes before the buffer, in order.</summary>
    private readonly Queue<Piece> before = new();
    private byte[]? buffer;
    private int used;
    private long unflushed;
    private FileRange? offered;
    private bool isMarkerOut;
    private bool isEnded;
    private volatile bool isClosed;
    private volatile bool isSending;
    private volatile bool isCancelled;

    /// <summary>Whether bodies reach it as they are, so that bytes of files can be given to it: not through TLS.</summary>
    public bool TakesFiles => takesFiles;

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc/>
    public override long UnflushedBytes => unflushed;

    /// <summary>How many bytes the peer has acknowledged; null where the system does not say.</summary>
    public long? Acknowledged
    {
        get
        {
            // struct tcp_info of Linux: tcpi_bytes_acked, 64 bits, at 120.
            Span<byte> info = stackalloc byte[256];
            try
            {
                return socket.GetRawSocketOption(Tcp, TcpInfo, info) >= BytesAcked + sizeof(long) ? BitConverter.ToInt64(info[BytesAcked..]) : null;
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
            {
                return null;
            }
        }
    }

    /// <summary>Puts it beneath a connection, as a middleware.</summary>
    /// <param name="takesFiles">Whether nothing changes the bytes any more before they reach it.</param>
    public static async Task AttachAsync(ConnectionContext connection, bool takesFiles, ConnectionDelegate next)
    {
        if (!OperatingSystem.IsLinux() || connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
        {
            await next(connection);
            return;
        }

        var original = connection.Transport;
        var output = new SocketOutput(socket, takesFiles, () => connection.Abort(new ConnectionAbortedException("The peer is gone.")));
        connection.Transport = new Duplex(original.Input, output);
        connection.Features.Set(output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = original;
            output.Complete();
        }
    }

    /// <summary>
    /// Takes bytes of a file as the next of the body, where nothing stands between the body and the socket. The file must stay open until they
    /// are flushed.
    /// </summary>
    /// <param name="body">The writer of the response, which must have begun.</param>
    /// <returns>How many bytes were taken; 0 where they must be copied.</returns>
    public int TryGive(PipeWriter body, FileRange range)
    {
        var length = Math.Min(range.Length, LargestGrant);
        offered = range with { Length = length };
        isMarkerOut = false;
        var memory = body.GetMemory(length);
        if (!isMarkerOut || !MemoryMarshal.TryGetArray<byte>(memory, out var segment) || !ReferenceEquals(segment.Array, Marker) || segment.Offset != 0)
        {
            offered = null;
            isMarkerOut = false;
            return 0;
        }

        body.Advance(length);
        return length;
    }

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (offered is { } range && sizeHint == range.Length)
        {
            isMarkerOut = true;
            return Marker.AsMemory(0, range.Length);
        }

        if (buffer is null || buffer.Length - used < Math.Max(sizeHint, 1))
        {
            var next = Math.Max(sizeHint, buffer is null ? SmallestBuffer : Math.Min(buffer.Length * 4, LargestBuffer));
            PutBufferBefore();
            buffer = ArrayPool<byte>.Shared.Rent(next);
        }

        return buffer.AsMemory(used);
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        unflushed += bytes;
        if (isMarkerOut && offered is { } range)
        {
            PutBufferBefore();
            before.Enqueue(new(null, bytes, range));
            offered = null;
            isMarkerOut = false;
        }
        else
        {
            used += bytes;
        }
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush() => isCancelled = true;

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        isClosed = true;
        RefuseMore();
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        // Nearly always there is room at once; an asynchronous method that does not wait allocates nothing.
        return isClosed ? new(RefuseMore()) : unflushed == 0 ? new(Result()) : FlushAllAsync(default, cancellationToken);
    }

    /// <summary>Sends it from where it stands, after what was written before: so TLS gives each record it has encrypted.</summary>
    /// <inheritdoc/>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        isClosed ? new(RefuseMore()) : FlushAllAsync(source, cancellationToken);

    private async ValueTask<FlushResult> FlushAllAsync(ReadOnlyMemory<byte> last, CancellationToken cancellationToken)
    {
        isSending = true;
        try
        {
            while (before.TryDequeue(out var piece))
            {
                if (piece.Buffer is null)
                {
                    isClosed |= !await SendFileAsync(piece.File, piece.Length, cancellationToken);
                    continue;
                }

                try
                {
                    await SendRestAsync(piece.Buffer.AsMemory(0, piece.Length), before.TryPeek(out var next) && next.Buffer is null ? SendWithMore(piece) : 0, cancellationToken);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(piece.Buffer);
                }
            }

            await SendRestAsync(buffer.AsMemory(0, used), 0, cancellationToken);
            await SendRestAsync(last, 0, cancellationToken);
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException or IOException)
        {
            isClosed = true;
        }
        catch (OperationCanceledException)
        {
            // Nobody knows how much went: nothing may follow it.
            isClosed = true;
            EndSending();
            throw;
        }

        return EndSending();
    }

    private FlushResult RefuseMore()
    {
        if (!isSending)
        {
            // Else what is being sent is given back when that has ended.
            Drop();
        }

        return Result();
    }

    private FlushResult EndSending()
    {
        Drop();
        isSending = false;
        if (isClosed && !isEnded)
        {
            isEnded = true;
            ended();
        }

        return Result();
    }

    /// <summary>Headers before a file: a packet of their own would wake the client twice. What is not taken is sent as always, which also says why.</summary>
    private int SendWithMore(Piece piece) => Math.Max(0, (int)NativeMethods.SendWithMore(socket.SafeHandle, piece.Buffer.AsSpan(0, piece.Length)));

    private async ValueTask SendRestAsync(ReadOnlyMemory<byte> bytes, int sent, CancellationToken cancellationToken)
    {
        while (sent < bytes.Length && !isClosed)
        {
            sent += await socket.SendAsync(bytes[sent..], SocketFlags.None, cancellationToken);
        }
    }

    /// <summary>False where the peer or the file's end came before the last byte: the connection must not go on.</summary>
    private async ValueTask<bool> SendFileAsync(FileRange range, int left, CancellationToken cancellationToken)
    {
        var offset = range.Offset;
        while (left > 0 && !isClosed)
        {
            var sent = (int)NativeMethods.SendFile(socket.SafeHandle, range.File, ref offset, left);
            if (sent == 0)
            {
                return false;
            }

            if (sent > 0)
            {
                left -= sent;
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case NativeMethods.Interrupted:
                    break;
                case NativeMethods.WouldBlock or NativeMethods.InvalidArgument:
                    // The socket's own send knows how to wait for room. It is also the way of file systems that cannot send.
                    var bounced = await BounceAsync(range, offset, left, cancellationToken);
                    if (bounced == 0)
                    {
                        return false;
                    }

                    offset += bounced;
                    left -= bounced;
                    break;
                default:
                    return false;
            }
        }

        return left == 0;
    }

    private async ValueTask<int> BounceAsync(FileRange range, long offset, int left, CancellationToken cancellationToken)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(BounceSize);
        try
        {
            var read = RandomAccess.Read(range.File, bytes.AsSpan(0, Math.Min(left, BounceSize)), offset);
            await SendRestAsync(bytes.AsMemory(0, read), 0, cancellationToken);
            return read;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private FlushResult Result()
    {
        var wasCancelled = isCancelled;
        isCancelled = false;
        return new FlushResult(wasCancelled, isClosed);
    }

    private void PutBufferBefore()
    {
        if (buffer is not null && used > 0)
        {
            before.Enqueue(new(buffer, used, default));
            buffer = null;
        }
        else if (buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = null;
        }

        used = 0;
    }

    /// <summary>Everything was sent, or will not be.</summary>
    private void Drop()
    {
        while (before.TryDequeue(out var piece))
        {
            if (piece.Buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(piece.Buffer);
            }
        }

        if (buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = null;
        }

        (used, unflushed) = (0, 0);
    }

    /// <summary>A buffer with bytes, or where it is null a file.</summary>
    private readonly record struct Piece(byte[]? Buffer, int Length, FileRange File);

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
