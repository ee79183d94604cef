using Microsoft.Data.Sqlite;

namespace Millpond.Bench;

/// <summary>What pulls notice of collection: the same load before its first pass and while it looks through 100,000 images and takes 40,000 of them away.</summary>
internal sealed class Collecting(BenchOptions options, Origin origin, Report report)
{
    /// <summary>The first pass begins a minute after the start where the grace is short.</summary>
    private static readonly TimeSpan FirstPass = TimeSpan.FromSeconds(62);

    private const int WarmUpSeconds = 5;

    public async Task MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "collecting")).FullName;
        using (var first = await StartAsync(own))
        {
            await Download.GetAsync(first.Address, ManifestPath, cancellationToken);
        }

        Fill(Path.Join(own, "data", "catalog", "catalog.db"));
        var began = TimeProvider.System.GetTimestamp();
        using var server = await StartAsync(own);
        var address = new Uri(server.Address, ManifestPath);
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

    private static string ManifestPath => $"/v2/open/{BenchImage.Repository}/manifests/1";

    private Task<ServerProcess> StartAsync(string folder)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "millpond.yaml");
        File.WriteAllText(configuration, $$"""
            listen: http://127.0.0.1:{{port}}
            data: {{folder}}/data
            presets: []
            rules:
              - {prefix: open, upstream: "{{origin.Unpaced.Address.GetLeftPart(UriPartial.Authority)}}", proxy: none}
            lifecycle: {grace: 0s}
            log: {level: error, access: false}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), options.Millpond, "serve", "--config", configuration);
    }

    /// <summary>60,000 images of 8 layers that are tagged, and 40,000 of which only the layers are left, marked long ago.</summary>
    private static void Fill(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandTimeout = 300;
        command.CommandText =
            """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 99999)
              SELECT i, printf('sha256:%064x', i * 10) AS d, printf('open/team%d/app', i % 500) AS r FROM c;
            CREATE TEMP TABLE l AS SELECT n.i, n.d, n.r, printf('sha256:%064x', (n.i * 8 + j.j) * 10 + 1) AS layer
              FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7) j;
            INSERT INTO repositories (name, origin, rule) SELECT DISTINCT r, 7, 'open' FROM n;
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at, cost)
              SELECT d, 'application/vnd.oci.image.manifest.v1+json', NULL, NULL, 2000, 1, 1, 3600 FROM n WHERE i < 60000;
            INSERT INTO tags (repository, tag, origin, digest, checked_at) SELECT r, 'v' || i, 7, d, 1 FROM n WHERE i < 60000;
            INSERT INTO links (digest, repository, origin) SELECT d, r, 7 FROM n WHERE i < 60000;
            INSERT INTO children (parent, digest, size, linked_with_parent) SELECT d, layer, 1000, 1 FROM l WHERE i < 60000;
            INSERT INTO links (digest, repository, origin) SELECT layer, r, 7 FROM l;
            INSERT INTO blobs (digest, size, stored_at, pulled_at) SELECT layer, 1000, 1, 1 FROM l;
            INSERT INTO unneeded_links (digest, repository, origin, since) SELECT layer, r, 7, 1 FROM l WHERE i >= 60000;
            COMMIT;
            """;
        command.ExecuteNonQuery();
    }
}
