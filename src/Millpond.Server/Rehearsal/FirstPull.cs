using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rehearsal;

/// <summary>
/// A pull that the program has behind it before a client's. Most of what a fresh process takes for its first one is the runtime's work
/// (compiling, loading, the first handshake), done once for all servers of a process: so a second server, with a folder and an upstream
/// of its own on loopback, is pulled from and thrown away. The real one, its catalog, metrics and upstreams see nothing of it.
/// </summary>
public static class FirstPull
{
    /// <summary>Below the data folder: the one place that a server may surely write to.</summary>
    private const string FolderName = "rehearsal";

    /// <summary>Longer than any machine takes; a server that hangs here must not do so for ever.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Never throws: a server without it is only slower once.</summary>
    /// <returns>Whether all of it was answered. False where the disk is full, no port can be had, or the server stops meanwhile; a client's own first pull will say what matters of that.</returns>
    public static async Task<bool> RehearseAsync(ServerConfiguration configuration, TimeProvider time, CancellationToken cancellationToken)
    {
        if (configuration.Listen.IsEmpty)
        {
            return false;
        }

        var folder = Path.Join(configuration.Data, FolderName);
        try
        {
            using var limit = new CancellationTokenSource(Limit, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            Discard(folder);
            await RehearseAsync(folder, configuration, time, either.Token);
            // What starting has left would stay for hours in a server that has little to do.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return true;
        }
        catch (Exception)
        {
            // Its border: whatever goes wrong here is no fault of the real server, whose stop awaits this.
            return false;
        }
        finally
        {
            Discard(folder);
        }
    }

    private static async Task RehearseAsync(string folder, ServerConfiguration configuration, TimeProvider time, CancellationToken cancellationToken)
    {
        var image = new RehearsedImage();
        await using var upstream = await RehearsedUpstream.StartAsync(image, cancellationToken);
        var rule = new PullThroughRule { Prefix = "own", UpstreamName = "localhost", Upstream = upstream.Address, Proxy = "none", Tls = new UpstreamTls { Insecure = true } };
        var own = new ServerConfiguration { Listen = [new Uri($"{configuration.Listen[0].Scheme}://127.0.0.1:0")], Tls = configuration.Tls, Data = folder, Rules = [rule] };
        await using var server = await ServerHost.StartAsync(own, time, logging => logging.ClearProviders(), cancellationToken);
        using var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = { RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null } };
        using var client = new HttpClient(handler) { BaseAddress = server.Addresses[0] };

        // Once from upstream, once from here.
        var at = $"/v2/{rule.Prefix}/{RehearsedImage.Repository}/";
        string[] paths = [.. image.Blobs.Select(blob => $"{at}blobs/{blob}").Prepend($"{at}manifests/{RehearsedImage.Tag}")];
        foreach (var path in paths.Concat(paths).Append($"{at}manifests/{image.ManifestDigest}"))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", ManifestTypes.OciManifest } } };
            using var response = await client.SendAsync(request, cancellationToken);
            response.EnsureSuccessStatusCode();
        }
    }

    private static void Discard(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next start tries again.
        }
    }
}
