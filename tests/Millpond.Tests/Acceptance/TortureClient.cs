using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// One client that pulls at random, gives up at random, and believes nothing: every byte that comes is compared with what upstream has.
/// </summary>
/// <param name="wrongs">What no client may ever see.</param>
/// <param name="tally">What came how often.</param>
internal sealed class TortureClient(
    TortureWorld world, Func<(Uri Address, string SwapUpstream)> server, int seed, ConcurrentQueue<string> wrongs, ConcurrentDictionary<string, int> tally) : IDisposable
{
    /// <summary>A cold pull ends after 30 s whatever upstream does; more is a hang.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(45);

    private readonly Random random = new(seed);
    private readonly SocketsHttpHandler transport = new() { MaxConnectionsPerServer = int.MaxValue, ConnectTimeout = TimeSpan.FromSeconds(5) };
    private readonly byte[] buffer = new byte[64 * 1024];
    private readonly byte[] expected = new byte[64 * 1024];

    public void Dispose() => transport.Dispose();

    public async Task RunAsync(CancellationToken until)
    {
        using var http = new HttpClient(transport, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        while (!until.IsCancellationRequested)
        {
            using var patience = new CancellationTokenSource(Hang);
            var (address, swap) = server();
            var what = "";
            try
            {
                what = await OnceAsync(http, address, swap, patience.Token);
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested)
            {
                wrongs.Enqueue($"a request hung for {Hang.TotalSeconds} s");
            }
            catch (Exception gone) when (gone is HttpRequestException or IOException or OperationCanceledException)
            {
                // The server was killed, or reset what could not be gone on with.
                what = "reset";
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None);
            }

            tally.AddOrUpdate(what, 1, static (_, count) => count + 1);
        }
    }

    private async Task<string> OnceAsync(HttpClient http, Uri address, string swap, CancellationToken cancellationToken)
    {
        if (random.Next(12) == 0)
        {
            return await PrivateAsync(http, address, swap, cancellationToken);
        }

        var number = random.Next(world.All.Count);
        var image = world.All[number];
        var repository = $"{(random.Next(3) == 0 ? "swap" : "up")}/{TortureWorld.RepositoryOf(number)}";
        return random.Next(6) switch
        {
            0 => await TagAsync(http, new Uri(address, $"/v2/{repository}/manifests/moving"), number % 3, cancellationToken),
            1 => await TagAsync(http, new Uri(address, $"/v2/{repository}/manifests/{image.Digest}"), number % 3, cancellationToken),
            2 => await HeadAsync(http, new Uri(address, $"/v2/{repository}/blobs/{image.Layer.Digest}"), image.Layer, cancellationToken),
            var kind => await BlobAsync(http, address, repository, image.Blobs[random.Next(image.Blobs.Count)], kind, cancellationToken),
        };
    }

    /// <summary>What only the first upstream has is never answered while the prefix stands for the second.</summary>
    private async Task<string> PrivateAsync(HttpClient http, Uri address, string swap, CancellationToken cancellationToken)
    {
        var path = random.Next(2) == 0 ? $"manifests/{world.Secret.Digest}" : $"blobs/{world.Secret.Layer.Digest}";
        using var response = await http.GetAsync(new Uri(address, $"/v2/swap/{TortureWorld.Private}/{path}"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.IsSuccessStatusCode && swap == "second")
        {
            wrongs.Enqueue($"{path} of the first upstream was answered while its prefix stood for the second");
        }

        return Count("private", response);
    }

    private async Task<string> TagAsync(HttpClient http, Uri uri, int repository, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(uri, cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            var digest = Digest.Sha256(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            if (!world.MayName(repository, digest) || response.Headers.GetValues("Docker-Content-Digest").Single() != digest.ToString())
            {
                wrongs.Enqueue($"{uri} was answered with {digest}");
            }
        }

        return Count("manifest", response);
    }

    private async Task<string> HeadAsync(HttpClient http, Uri uri, TestBlob blob, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, uri);
        using var response = await http.SendAsync(request, cancellationToken);
        // What neither is here nor was described by a manifest has only its upstream's word, which may be a lie: then it is called a miss.
        var isUpstreamsWord = response.Headers.TryGetValues("Millpond-Cache", out var status) && status.Single() == "miss";
        if (response.IsSuccessStatusCode && response.Content.Headers.ContentLength is { } length && length != blob.Length && !isUpstreamsWord)
        {
            wrongs.Enqueue($"HEAD {uri} said {length} bytes, not {blob.Length}");
        }

        return Count("head", response);
    }

    /// <param name="kind">3 = whole; 4 = a range; 5 = given up half way.</param>
    private async Task<string> BlobAsync(HttpClient http, Uri address, string repository, TestBlob blob, int kind, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, $"/v2/{repository}/blobs/{blob.Digest}"));
        var from = kind == 4 ? random.NextInt64(blob.Length) : 0;
        var to = kind == 4 ? Math.Min(blob.Length - 1, from + random.Next(300_000)) : blob.Length - 1;
        if (kind == 4)
        {
            request.Headers.Range = new RangeHeaderValue(from, to);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return Count("blob", response);
        }

        var at = response.StatusCode == HttpStatusCode.PartialContent ? from : 0;
        var end = response.StatusCode == HttpStatusCode.PartialContent ? to + 1 : blob.Length;
        var enough = kind == 5 ? random.NextInt64(end - at + 1) : long.MaxValue;
        // What is still coming from a registry that lies is known to be wrong at its end: then the last block never comes, and a whole body is never completed.
        var isUnderWay = response.Headers.GetValues("Millpond-Cache").Single() == "miss";
        string? wrong = null;
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        for (var read = 0L; read < enough;)
        {
            var count = await body.ReadAsync(buffer, cancellationToken);
            if (count == 0)
            {
                if (at != end)
                {
                    wrongs.Enqueue($"{blob.Digest} ended cleanly at byte {at} of {end}");
                }
                else if (wrong is not null && kind == 3)
                {
                    wrongs.Enqueue(wrong + ", and it was completed");
                }

                break;
            }

            blob.Read(at, expected.AsSpan(0, count));
            if (!expected.AsSpan(0, count).SequenceEqual(buffer.AsSpan(0, count)))
            {
                wrong ??= $"wrong bytes in {blob.Digest} somewhere from byte {at} on, of a request of kind {kind}";
                if (!isUnderWay)
                {
                    wrongs.Enqueue(wrong);
                    break;
                }
            }

            at += count;
            read += count;
        }

        return Count(kind switch { 4 => "range", 5 => "given up", _ => "blob" }, response);
    }

    private string Count(string what, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status is 500 or < 200 or (>= 300 and < 400))
        {
            wrongs.Enqueue($"{what} was answered {status}");
        }

        return $"{what} {status}";
    }
}
