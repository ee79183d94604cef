using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Millpond.Bench;

/// <summary>A warm blob over TLS, where no server can leave the copying to the kernel. Of the peers only nginx speaks it by itself.</summary>
internal sealed class OverTls(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private const int Connections = 8;

    public async Task MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "tls")).FullName;
        var (certificate, key) = WriteCertificate(own);
        using var millpond = await StartMillpondAsync(Directory.CreateDirectory(Path.Join(own, "millpond")).FullName, certificate, key);
        using var nginx = await StartNginxAsync(Directory.CreateDirectory(Path.Join(own, "nginx")).FullName, certificate, key);
        (string Name, ServerProcess Server, string Path)[] servers =
        [
            (Contender.Millpond, millpond, $"/v2/bench/{BenchImage.Repository}/blobs/{image.Big.Digest}"),
            (Contender.Nginx, nginx, $"/v2/{BenchImage.Repository}/blobs/{image.Big.Digest}"),
        ];
        foreach (var (_, server, path) in servers)
        {
            await Download.GetAsync(Secured(server), path, cancellationToken);
        }

        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (name, server, path) in servers)
            {
                var before = server.CpuSeconds;
                var start = TimeProvider.System.GetTimestamp();
                await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(() => Download.GetAsync(Secured(server), path, cancellationToken), cancellationToken)));
                var gigabytes = image.Big.Gigabytes * Connections;
                report.Add(Work.TlsBlobCpu, name, (server.CpuSeconds - before) / gigabytes);
                report.Add(Work.TlsBlobSpeed, name, gigabytes / TimeProvider.System.GetElapsedTime(start).TotalSeconds);
            }
        }
    }

    private static Uri Secured(ServerProcess server) => new UriBuilder(server.Address) { Scheme = Uri.UriSchemeHttps }.Uri;

    private static (string Certificate, string Key) WriteCertificate(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        var (first, second) = (Path.Join(folder, "tls.crt"), Path.Join(folder, "tls.key"));
        File.WriteAllText(first, certificate.ExportCertificatePem());
        File.WriteAllText(second, key.ExportPkcs8PrivateKeyPem());
        return (first, second);
    }

    private Task<ServerProcess> StartMillpondAsync(string folder, string certificate, string key)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "millpond.yaml");
        File.WriteAllText(configuration, $$"""
            listen: https://127.0.0.1:{{port}}
            tls: {certificate: "{{certificate}}", key: "{{key}}"}
            data: {{folder}}/data
            presets: []
            rules:
              - {prefix: bench, upstream: "{{origin.Unpaced.Address.GetLeftPart(UriPartial.Authority)}}", proxy: none}
            log: {level: warning, access: false}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), options.Millpond, "serve", "--config", configuration);
    }

    private Task<ServerProcess> StartNginxAsync(string folder, string certificate, string key)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "nginx.conf");
        File.WriteAllText(configuration, NginxFile.With(folder, $$"""
            proxy_cache_path {{folder}}/data levels=1:2 keys_zone=images:10m max_size=50g inactive=1d use_temp_path=off;
            server {
              listen 127.0.0.1:{{port}} ssl; access_log off; ssl_certificate {{certificate}}; ssl_certificate_key {{key}};
              location / {
                proxy_pass {{origin.Unpaced.Address.GetLeftPart(UriPartial.Authority)}}; proxy_http_version 1.1;
                proxy_cache images; proxy_cache_valid 200 1d;
              }
            }
            """));
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), "nginx", "-p", folder, "-c", configuration);
    }
}
