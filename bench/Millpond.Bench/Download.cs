using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Millpond.Bench;

/// <summary>One GET over a socket of its own, the body read and thrown away: as little work of the client as there can be.</summary>
/// <param name="FirstByte">From the start of the connection to the first byte of the body.</param>
/// <param name="Whole">To its last byte.</param>
/// <param name="Length">Bytes of the body.</param>
internal readonly record struct Download(TimeSpan FirstByte, TimeSpan Whole, long Length)
{
    private const int Buffer = 512 << 10;

    public static async Task<Download> GetAsync(Uri server, string path, CancellationToken cancellationToken)
    {
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port), cancellationToken);
        await using var connection = await OpenAsync(server, socket, cancellationToken);
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {server.Authority}\r\nAccept: {BenchImage.ManifestType}\r\nConnection: close\r\n\r\n");
        await connection.WriteAsync(request, cancellationToken);

        var buffer = GC.AllocateUninitializedArray<byte>(Buffer);
        var (length, received) = await ReadHeadAsync(connection, buffer, path, cancellationToken);
        while (received == 0 && length > 0)
        {
            received = await ReceiveAsync(connection, buffer, path, cancellationToken);
        }

        var first = clock.GetElapsedTime(start);
        while (received < length)
        {
            received += await ReceiveAsync(connection, buffer, path, cancellationToken);
        }

        return new Download(first, clock.GetElapsedTime(start), received);
    }

    private static async Task<(long Length, long Received)> ReadHeadAsync(Stream connection, byte[] buffer, string path, CancellationToken cancellationToken)
    {
        var have = 0;
        int end;
        do
        {
            have += await ReceiveAsync(connection, buffer.AsMemory(have), path, cancellationToken);
            end = buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8);
        }
        while (end < 0);

        var lines = Encoding.ASCII.GetString(buffer, 0, end).Split("\r\n");
        if (!lines[0].StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{path}: {lines[0]}");
        }

        var length = lines.First(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))["Content-Length:".Length..];
        return (long.Parse(length, CultureInfo.InvariantCulture), have - end - 4);
    }

    /// <summary>Whatever certificate it shows: both ends are this machine's own.</summary>
    private static async Task<Stream> OpenAsync(Uri server, Socket socket, CancellationToken cancellationToken)
    {
        var plain = new NetworkStream(socket);
        if (server.Scheme != Uri.UriSchemeHttps)
        {
            return plain;
        }

        var tls = new SslStream(plain);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null }, cancellationToken);
        return tls;
    }

    private static async ValueTask<int> ReceiveAsync(Stream connection, Memory<byte> buffer, string path, CancellationToken cancellationToken)
    {
        var count = await connection.ReadAsync(buffer, cancellationToken);
        return count > 0 ? count : throw new InvalidOperationException($"{path}: the connection ended before the body did");
    }
}
