using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millpond.Bench;

/// <summary>One client that pushes the big blob into a registry of one's own, as docker does: POST, PATCH as a stream, PUT.</summary>
internal sealed class Push(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private const string Repository = "own/image";

    public async Task MeasureAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        List<(string Name, Func<string, Task<ServerProcess>> StartAsync)> registries =
        [
            (Contender.Millpond, own => contenders[0].StartAsync(own, origin.Unpaced.Address)),
            (Contender.DockerRegistry, Contender.StartOwnDockerRegistryAsync),
        ];
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (name, startAsync) in registries.InTurn(round))
            {
                var own = Directory.CreateDirectory(Path.Join(folder, $"{name}-push")).FullName;
                try
                {
                    using var server = await startAsync(own);
                    await PushAsync(server.Address, image.Small, cancellationToken);
                    var before = server.CpuSeconds;
                    var took = await PushAsync(server.Address, image.Big, cancellationToken);
                    report.Add(Work.PushTime, name, took.TotalSeconds);
                    report.Add(Work.PushCpu, name, (server.CpuSeconds - before) / image.Big.Gigabytes);
                }
                finally
                {
                    Directory.Delete(own, recursive: true);
                }
            }
        }
    }

    private async Task<TimeSpan> PushAsync(Uri server, BenchBlob blob, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port), cancellationToken);
        var location = await AskAsync(socket, server, "POST", $"/v2/{Repository}/blobs/uploads/", null, 202, cancellationToken);
        location = await AskAsync(socket, server, "PATCH", location, blob, 202, cancellationToken);
        var end = $"{location}{(location.Contains('?', StringComparison.Ordinal) ? '&' : '?')}digest={blob.Digest}";
        await AskAsync(socket, server, "PUT", end, null, 201, cancellationToken);
        return TimeProvider.System.GetElapsedTime(start);
    }

    /// <summary>Sends one request, its body straight from the file, and gives where the answer leads.</summary>
    private async Task<string> AskAsync(Socket socket, Uri server, string method, string path, BenchBlob? body, int expected, CancellationToken cancellationToken)
    {
        var head = string.Create(CultureInfo.InvariantCulture,
            $"{method} {path} HTTP/1.1\r\nHost: {server.Authority}\r\nContent-Type: application/octet-stream\r\nContent-Length: {body?.Size ?? 0}\r\n\r\n");
        await socket.SendAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        if (body is not null)
        {
            await socket.SendFileAsync(Path.Join(image.Root, "v2", BenchImage.Repository, "blobs", body.Digest), cancellationToken);
        }

        var lines = (await ReadHeadAsync(socket, cancellationToken)).Split("\r\n");
        if (!lines[0].StartsWith($"HTTP/1.1 {expected} ", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{method} {path}: {lines[0]}");
        }

        var location = lines.First(line => line.StartsWith("Location:", StringComparison.OrdinalIgnoreCase))["Location:".Length..].Trim();
        return new Uri(server, location).PathAndQuery;
    }

    /// <summary>None of these answers has a body.</summary>
    private static async Task<string> ReadHeadAsync(Socket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 << 10];
        var have = 0;
        while (buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8) < 0)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(have), cancellationToken);
            have += count > 0 ? count : throw new InvalidOperationException("the connection ended before an answer came");
        }

        return Encoding.ASCII.GetString(buffer, 0, have);
    }
}
