namespace Millpond.Bench;

/// <summary>What is cached already: requests per second of a manifest, CPU of a blob.</summary>
internal sealed class Warm(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private const int ManifestConnections = 32;
    private const int ManyConnections = 256;
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
                await Download.GetAsync(server.Address, contender.ManifestByDigest(image), cancellationToken);
                await Download.GetAsync(server.Address, contender.BlobPath(image.Big), cancellationToken);
                foreach (var blob in options.Wants("warm-small") ? image.Tiny : [])
                {
                    await Download.GetAsync(server.Address, contender.BlobPath(blob), cancellationToken);
                }
            }

            // Rounds go round the contenders, so that a noisy minute of the machine falls on all of them.
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (contender, server) in servers)
                {
                    await MeasureAsync(folder, contender, server, cancellationToken);
                }
            }

            foreach (var (contender, server) in servers)
            {
                report.Add(Work.MemoryAfter, contender.Name, server.MemoryMegabytes);
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
            var byDigest = await LoadManifestAsync(folder, new Uri(server.Address, contender.ManifestByDigest(image)), options.ManifestSeconds, cancellationToken);
            report.Add(Work.DigestManifestRate, contender.Name, byDigest.Rate);
            report.Add(Work.DigestManifestTail, contender.Name, byDigest.Tail.TotalMilliseconds);
            var many = await LoadAsync(folder, ManyConnections, new Uri(server.Address, contender.ManifestPath), options.ManifestSeconds, cancellationToken);
            report.Add(Work.ManyManifestRate, contender.Name, many.Rate);
            report.Add(Work.ManyManifestTail, contender.Name, many.Tail.TotalMilliseconds);
        }

        if (options.Wants("warm-small"))
        {
            var load = await LoadSmallAsync(folder, contender, server, cancellationToken);
            report.Add(Work.SmallBlobRate, contender.Name, load.Rate);
            report.Add(Work.SmallBlobTail, contender.Name, load.Tail.TotalMilliseconds);
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
    internal static Task<Load> LoadManifestAsync(string folder, Uri address, int seconds, CancellationToken cancellationToken, params string[] further) =>
        LoadAsync(folder, ManifestConnections, address, seconds, cancellationToken, further);

    internal static async Task<Load> LoadAsync(string folder, int connections, Uri address, int seconds, CancellationToken cancellationToken, params string[] further)
    {
        var script = Path.Join(folder, "manifest.lua");
        await File.WriteAllTextAsync(script, Wrk.Done, cancellationToken);
        return await Wrk.RunAsync(connections, seconds, script, ["-H", $"Accept: {BenchImage.ManifestType}", .. further, address.AbsoluteUri], cancellationToken);
    }

    /// <summary>Its small blobs in turn.</summary>
    private async Task<Load> LoadSmallAsync(string folder, Contender contender, ServerProcess server, CancellationToken cancellationToken)
    {
        const string InTurn = """
            local paths, at = {}, 0
            function init(given) paths = given end
            function request()
              at = at % #paths + 1
              return wrk.format("GET", paths[at])
            end

            """ + Wrk.Done;
        var script = Path.Join(folder, "small.lua");
        await File.WriteAllTextAsync(script, InTurn, cancellationToken);
        return await Wrk.RunAsync(
            ManifestConnections, options.ManifestSeconds, script, [server.Address.AbsoluteUri, "--", .. image.Tiny.Select(contender.BlobPath)], cancellationToken);
    }
}
