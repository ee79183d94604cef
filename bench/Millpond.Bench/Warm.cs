namespace Millpond.Bench;

/// <summary>What is cached already: requests per second of a manifest, CPU of a blob.</summary>
internal sealed class Warm(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private const int ManifestConnections = 32;
    private const int BlobConnections = 8;

    public async Task MeasureAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        var servers = new List<(Contender Contender, ServerProcess Server)>();
        try
        {
            foreach (var contender in contenders)
            {
                var own = Directory.CreateDirectory(Path.Join(folder, contender.Name.Replace(' ', '-'))).FullName;
                servers.Add((contender, await contender.StartAsync(own, origin.Unpaced.Address)));
            }

            servers.Add((new Contender(Report.Static, BenchImage.Repository, (_, _) => Task.FromResult(origin.Unpaced)), origin.Unpaced));
            foreach (var (contender, server) in servers)
            {
                await Download.GetAsync(server.Address, contender.ManifestPath, cancellationToken);
                await Download.GetAsync(server.Address, contender.BlobPath(image.Big), cancellationToken);
            }

            // Rounds go round the contenders, so that a noisy minute of the machine falls on all of them.
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (contender, server) in servers)
                {
                    await MeasureAsync(folder, contender, server, cancellationToken);
                }
            }
        }
        finally
        {
            servers.Where(one => one.Server != origin.Unpaced).ToList().ForEach(one => one.Server.Dispose());
        }
    }

    private async Task MeasureAsync(string folder, Contender contender, ServerProcess server, CancellationToken cancellationToken)
    {
        if (options.Wants("warm-manifest"))
        {
            var before = server.CpuSeconds;
            var (rate, _) = await LoadManifestAsync(folder, new Uri(server.Address, contender.ManifestPath), options.ManifestSeconds, cancellationToken);
            report.Add(Work.WarmManifestRate, contender.Name, rate);
            report.Add(Work.WarmManifestCpu, contender.Name, (server.CpuSeconds - before) / (rate * options.ManifestSeconds) * 1e6);
        }

        if (options.Wants("warm-blob"))
        {
            var before = server.CpuSeconds;
            var start = TimeProvider.System.GetTimestamp();
            var path = contender.BlobPath(image.Big);
            // On threads of their own: a client that waits for a pool thread would measure itself.
            await Task.WhenAll(Enumerable.Range(0, BlobConnections).Select(_ => Task.Run(() => Download.GetAsync(server.Address, path, cancellationToken), cancellationToken)));
            var gigabytes = image.Big.Gigabytes * BlobConnections;
            report.Add(Work.WarmBlobCpu, contender.Name, (server.CpuSeconds - before) / gigabytes);
            report.Add(Work.WarmBlobSpeed, contender.Name, gigabytes / TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>The manifest by its tag, as fast as it comes.</summary>
    /// <param name="further">More of wrk's arguments, such as a header.</param>
    internal static async Task<Load> LoadManifestAsync(string folder, Uri address, int seconds, CancellationToken cancellationToken, params string[] further)
    {
        var script = Path.Join(folder, "manifest.lua");
        await File.WriteAllTextAsync(script, Wrk.Done, cancellationToken);
        return await Wrk.RunAsync(ManifestConnections, seconds, script, ["-H", $"Accept: {BenchImage.ManifestType}", .. further, address.AbsoluteUri], cancellationToken);
    }
}
