using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millpond.Bench;

/// <summary>
/// How cost grows: memory, start and the p99 of a warm pull by connections, manifests and repositories. A table of its own, for
/// docs/operations.md; only where <c>--only growth</c> asks for it, since the largest catalog takes minutes to write.
/// </summary>
internal sealed class Growth(BenchOptions options, Origin origin)
{
    private const string ManyConnections = "limits: {connections: 20000}";
    private const int PullConnections = 32;
    private const int UsualImages = 100_000;
    private const int UsualRepositories = 500;

    /// <summary>After a start, until what is done once has been done.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly StringBuilder table = new();

    public async Task<string> MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        table.AppendLine("| | memory, MB | start, s | warm pulls, requests/s | p99, ms |");
        table.AppendLine("|---|---|---|---|---|");
        int[] connections = options.IsQuick ? [1, 100] : [1, 10, 100, 1_000, 10_000];
        await MeasureConnectionsAsync(folder, connections, cancellationToken);
        int[] images = options.IsQuick ? [1_000] : [1_000, 100_000, 1_000_000];
        foreach (var count in images)
        {
            await MeasureCatalogAsync(folder, $"{count:#,0} manifests", count, UsualRepositories, cancellationToken);
        }

        int[] repositories = options.IsQuick ? [10] : [10, 1_000, 100_000];
        foreach (var count in repositories)
        {
            await MeasureCatalogAsync(folder, $"{count:#,0} repositories with tags", options.IsQuick ? 1_000 : UsualImages, count, cancellationToken);
        }

        return table.ToString();
    }

    private async Task MeasureConnectionsAsync(string folder, int[] counts, CancellationToken cancellationToken)
    {
        foreach (var count in counts)
        {
            var own = Directory.CreateDirectory(Path.Join(folder, "growth")).FullName;
            using (var server = await Contender.StartMillpondAsync(options.Millpond, own, origin.Unpaced.Address, "24h", ManyConnections))
            {
                var manifest = new Uri(server.Address, $"/v2/bench/{BenchImage.Repository}/manifests/1");
                await Download.GetAsync(server.Address, manifest.AbsolutePath, cancellationToken);
                await Task.Delay(Rest, TimeProvider.System, cancellationToken);
                var idle = new List<Socket>();
                try
                {
                    await OpenAsync(server.Address, manifest.AbsolutePath, count, idle, cancellationToken);
                    var memory = server.MemoryMegabytes;
                    Add($"{count:#,0} idle connections", memory, null, await PullAsync(own, 1, manifest, cancellationToken));
                }
                finally
                {
                    idle.ForEach(socket => socket.Dispose());
                }

                var load = await PullAsync(own, count, manifest, cancellationToken);
                Add($"{count:#,0} connections that pull", server.MemoryMegabytes, null, load);
            }

            Directory.Delete(own, recursive: true);
        }
    }

    private async Task MeasureCatalogAsync(string folder, string name, int images, int repositories, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "growth")).FullName;
        using (await Contender.StartMillpondAsync(options.Millpond, own, origin.Unpaced.Address, "24h"))
        {
            // Only for the catalog's schema.
        }

        FullCatalog.Fill(Path.Join(own, "data", "catalog"), images, repositories, origin: 1);
        var start = TimeProvider.System.GetTimestamp();
        using (var server = await Contender.StartMillpondAsync(options.Millpond, own, origin.Unpaced.Address, "24h"))
        {
            await Download.GetAsync(server.Address, "/v2/", cancellationToken);
            var seconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
            await Task.Delay(Rest, TimeProvider.System, cancellationToken);
            var memory = server.MemoryMegabytes;
            var manifest = new Uri(server.Address, $"/v2/bench/{BenchImage.Repository}/manifests/1");
            await Download.GetAsync(server.Address, manifest.AbsolutePath, cancellationToken);
            Add(name, memory, seconds, await PullAsync(own, PullConnections, manifest, cancellationToken));
        }

        Directory.Delete(own, recursive: true);
    }

    private Task<Load> PullAsync(string folder, int connections, Uri manifest, CancellationToken cancellationToken) =>
        Warm.LoadAsync(folder, connections, manifest, options.ManifestSeconds, cancellationToken);

    /// <summary>Connections that have each pulled once and stay open.</summary>
    private static async Task OpenAsync(Uri server, string path, int count, List<Socket> sockets, CancellationToken cancellationToken)
    {
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {server.Authority}\r\nAccept: {BenchImage.ManifestType}\r\n\r\n");
        var buffer = new byte[16 << 10];
        for (var number = 0; number < count; number++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            sockets.Add(socket);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port), cancellationToken);
            await socket.SendAsync(request, cancellationToken);
            await socket.ReceiveAsync(buffer, cancellationToken);
        }
    }

    private void Add(string name, double memory, double? start, Load load)
    {
        var row = string.Create(CultureInfo.InvariantCulture, $"| {name} | {memory:0} | {start:0.00} | {load.Rate:#,0} | {load.Tail.TotalMilliseconds:0.0##} |");
        table.AppendLine(row);
        Console.Error.WriteLine(row);
    }
}
