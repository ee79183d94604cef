using Dapper;
using Microsoft.Data.Sqlite;

namespace Millpond.Bench;

/// <summary>What pulls notice of collection: the same load before its first pass and while it looks through 100,000 images and takes 40,000 of them away.</summary>
internal sealed class Collecting(BenchOptions options, Origin origin, Report report)
{
    /// <summary>The first pass begins a minute after the start where the grace is short.</summary>
    private static readonly TimeSpan FirstPass = TimeSpan.FromSeconds(62);

    private const int WarmUpSeconds = 5;
    private const int Images = 100_000;
    private const int Kept = 60_000;

    public async Task MeasureAsync(string folder, Contender millpond, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "collecting")).FullName;
        using (var first = await StartAsync(own))
        {
            await Download.GetAsync(first.Address, millpond.ManifestPath, cancellationToken);
        }

        Fill(Path.Join(own, "data", "catalog"));
        var began = TimeProvider.System.GetTimestamp();
        using var server = await StartAsync(own);
        var address = new Uri(server.Address, millpond.ManifestPath);
        await Warm.LoadManifestAsync(own, address, WarmUpSeconds, cancellationToken);
        for (var round = 0; round < options.Rounds; round++)
        {
            report.Add(Work.CollectionWithout, Contender.Millpond, (await Warm.LoadManifestAsync(own, address, options.ManifestSeconds, cancellationToken)).Rate);
        }

        await Task.Delay(FirstPass - TimeProvider.System.GetElapsedTime(began) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero, TimeProvider.System, cancellationToken);
        for (var round = 0; round < options.Rounds; round++)
        {
            report.Add(Work.CollectionDuring, Contender.Millpond, (await Warm.LoadManifestAsync(own, address, options.ManifestSeconds, cancellationToken)).Rate);
        }

        report.Divide(Work.CollectionRatio, Work.CollectionDuring, Work.CollectionWithout, Contender.Millpond);
    }

    private Task<ServerProcess> StartAsync(string folder) =>
        Contender.StartMillpondAsync(options.Millpond, folder, origin.Unpaced.Address, "24h", "lifecycle: {grace: 0s}");

    /// <summary>60,000 images that are tagged, and 40,000 of which only the layers are left, marked long ago.</summary>
    private static void Fill(string folder)
    {
        FullCatalog.Fill(folder, Images, repositories: 500, origin: 7);
        using var connection = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        connection.Execute(
            """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TEMP TABLE gone AS SELECT digest FROM tags WHERE origin = 7 AND CAST(substr(tag, 2) AS INTEGER) >= @kept;
            DELETE FROM tags WHERE digest IN gone;
            DELETE FROM children WHERE parent IN gone;
            DELETE FROM links WHERE digest IN gone;
            DELETE FROM manifest_bytes WHERE digest IN gone;
            DELETE FROM manifests WHERE digest IN gone;
            INSERT INTO unneeded_links (digest, repository, origin, since)
              SELECT digest, repository, origin, 1 FROM links l
              WHERE origin = 7 AND NOT EXISTS (SELECT 1 FROM children c WHERE c.digest = l.digest) AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = l.digest);
            COMMIT;
            """,
            new { kept = Kept },
            commandTimeout: 600);
    }
}
