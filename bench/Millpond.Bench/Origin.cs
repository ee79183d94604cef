using System.Globalization;

namespace Millpond.Bench;

/// <summary>The upstream: nginx over the image's files, at full speed and paced, with a log line for each answer's bytes.</summary>
internal sealed class Origin : IDisposable
{
    private readonly ServerProcess nginx;
    private readonly string answers;

    private Origin(ServerProcess nginx, Uri paced, string answers)
    {
        this.nginx = nginx;
        Paced = paced;
        this.answers = answers;
    }

    /// <summary>At full speed: what static nginx can do at best.</summary>
    public ServerProcess Unpaced => nginx;

    public Uri Paced { get; }

    /// <summary>Bytes of blob bodies that the paced upstream has sent so far.</summary>
    public long BlobBytesSent => File.ReadLines(answers)
        .Select(line => line.Split(' '))
        .Where(fields => fields is [_, "GET", var path] && path.Contains("/blobs/", StringComparison.Ordinal))
        .Sum(fields => long.Parse(fields[0], CultureInfo.InvariantCulture));

    public static async Task<Origin> StartAsync(string folder, BenchImage image, BenchOptions options)
    {
        Directory.CreateDirectory(folder);
        var (full, paced) = (ServerProcess.FreePort(), ServerProcess.FreePort());
        var answers = Path.Join(folder, "answers.log");
        var registry = $$"""
            root {{image.Root}};
            default_type application/octet-stream;
            location = /v2/ { return 200 "{}"; }
            location ~ /manifests/(2|{{image.SecondDigest}})$ { default_type {{BenchImage.ManifestType}}; add_header Docker-Content-Digest {{image.SecondDigest}}; }
            location ~ /manifests/ { default_type {{BenchImage.ManifestType}}; add_header Docker-Content-Digest {{image.ManifestDigest}}; }
            """;
        var configuration = Path.Join(folder, "nginx.conf");
        await File.WriteAllTextAsync(configuration, NginxFile.With(folder, string.Create(CultureInfo.InvariantCulture, $$"""
            log_format answers '$body_bytes_sent $request_method $uri';
            server { listen 127.0.0.1:{{full}}; access_log off; {{registry}} }
            server { listen 127.0.0.1:{{paced}}; access_log {{answers}} answers; limit_rate {{options.Pace}}; {{registry}} }
            """)));
        var nginx = await ServerProcess.StartAsync(full, Path.Join(folder, "log"), "nginx", "-p", folder, "-c", configuration);
        return new Origin(nginx, new Uri($"http://127.0.0.1:{paced}"), answers);
    }

    public void Dispose() => nginx.Dispose();
}
