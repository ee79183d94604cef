namespace Millpond.Bench;

/// <summary>A cache that is measured: how it is started over an empty folder, and where it has the image.</summary>
internal sealed record Contender(string Name, string Repository, Func<string, Uri, Task<ServerProcess>> StartAsync)
{
    public const string Millpond = "millpond";
    public const string DockerRegistry = "docker-registry";
    public const string Nginx = "nginx proxy_cache";
    public const string Slices = "nginx with slices";
    public const string Varnish = "varnish";

    /// <summary>The program of <c>--before</c>: what a change is compared with.</summary>
    public const string Before = "millpond before";

    /// <summary>For reviews only.</summary>
    public const string Empty = "empty endpoint";

    public string ManifestPath => $"/v2/{Repository}/manifests/1";

    public string SecondManifestPath => $"/v2/{Repository}/manifests/2";

    public string ManifestByDigest(BenchImage image) => $"/v2/{Repository}/manifests/{image.ManifestDigest}";

    public string BlobPath(BenchBlob blob) => $"/v2/{Repository}/blobs/{blob.Digest}";

    public static IReadOnlyList<Contender> All(BenchOptions options) =>
        [.. Known(options).Where(one => options.Beside.Count == 0 || one.Name is Millpond or Before || options.Beside.Contains(one.Name))];

    private static IReadOnlyList<Contender> Known(BenchOptions options) =>
    [
        new(Millpond, $"bench/{BenchImage.Repository}", (folder, upstream) => StartMillpondAsync(options.Millpond, folder, upstream, "24h")),
        .. options.Before is { } before
            ? [new Contender(Before, $"bench/{BenchImage.Repository}", (folder, upstream) => StartMillpondAsync(before, folder, upstream, "24h"))]
            : Array.Empty<Contender>(),
        new(DockerRegistry, BenchImage.Repository, StartDockerRegistryAsync),
        new(Nginx, BenchImage.Repository, (folder, upstream) => StartNginxAsync(folder, upstream, "")),
        new(Slices, BenchImage.Repository, (folder, upstream) => StartNginxAsync(folder, upstream, SliceLines)),
        new(Varnish, BenchImage.Repository, StartVarnishAsync),
    ];

    /// <summary>A piece of this size is nginx's own example; its module makes a request of its own for each.</summary>
    private const string SliceLines = "slice 1m; proxy_cache_key $uri$is_args$args$slice_range; proxy_set_header Range $slice_range; proxy_cache_valid 206 1d;";

    /// <param name="revalidateAfter">How long a tag is fresh.</param>
    /// <param name="further">More lines of its configuration.</param>
    public static Task<ServerProcess> StartMillpondAsync(string program, string folder, Uri upstream, string revalidateAfter, string further = "")
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "millpond.yaml");
        // Nobody here writes a line for each request: that would measure the logs.
        File.WriteAllText(configuration, $$"""
            listen: http://127.0.0.1:{{port}}
            data: {{folder}}/data
            presets: []
            rules:
              - {prefix: bench, upstream: "{{upstream.GetLeftPart(UriPartial.Authority)}}", proxy: none, revalidateAfter: {{revalidateAfter}}}
            log: {level: warning, access: false}
            {{further}}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), program, "serve", "--config", configuration);
    }

    /// <summary>As a registry of one's own, which takes pushes.</summary>
    public static Task<ServerProcess> StartOwnDockerRegistryAsync(string folder) => StartDockerRegistryAsync(folder, "");

    private static Task<ServerProcess> StartDockerRegistryAsync(string folder, Uri upstream) =>
        StartDockerRegistryAsync(folder, $$"""proxy: {remoteurl: "{{upstream.GetLeftPart(UriPartial.Authority)}}"}""");

    private static Task<ServerProcess> StartDockerRegistryAsync(string folder, string further)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "registry.yml");
        File.WriteAllText(configuration, $$"""
            version: 0.1
            log: {level: error, accesslog: {disabled: true} }
            storage: {filesystem: {rootdirectory: "{{folder}}/data" }, cache: {blobdescriptor: inmemory} }
            http: {addr: "127.0.0.1:{{port}}"}
            {{further}}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), "docker-registry", "serve", configuration);
    }

    /// <summary>Without tcp_nopush: with it a small answer from the cache waits 40 ms for an acknowledgement (828 requests/s of 64 KiB instead of 30,000).</summary>
    private static Task<ServerProcess> StartNginxAsync(string folder, Uri upstream, string further)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "nginx.conf");
        File.WriteAllText(configuration, NginxFile.With(folder, $$"""
            proxy_cache_path {{folder}}/data levels=1:2 keys_zone=images:10m max_size=50g inactive=1d use_temp_path=off;
            server {
              listen 127.0.0.1:{{port}}; access_log off; tcp_nopush off;
              location / {
                proxy_pass {{upstream.GetLeftPart(UriPartial.Authority)}}; proxy_http_version 1.1;
                proxy_cache images; proxy_cache_valid 200 1d; proxy_cache_lock on; proxy_cache_lock_timeout 1h; proxy_cache_lock_age 1h;
                {{further}}
              }
            }
            """));
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), "nginx", "-p", folder, "-c", configuration);
    }

    private static Task<ServerProcess> StartVarnishAsync(string folder, Uri upstream)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "varnish.vcl");
        File.WriteAllText(configuration, $$"""
            vcl 4.1;
            backend upstream { .host = "{{upstream.Host}}"; .port = "{{upstream.Port}}"; }
            sub vcl_backend_response { set beresp.ttl = 1d; }
            """);

        // Without a jail: its user could not read a folder of this one's. A file for its storage, as a cache of images would have.
        return ServerProcess.StartAsync(
            port, Path.Join(folder, "log"), "varnishd", "-F", "-j", "none", "-n", Path.Join(folder, "work"), "-a", $"127.0.0.1:{port}", "-f", configuration,
            "-s", $"file,{Path.Join(folder, "data")},4G");
    }
}
