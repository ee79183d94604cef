using System.Collections.Concurrent;
using System.Net;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Push;

namespace Millpond.Tests.Acceptance;

/// <summary>One who pushes images into a repository of their own, deletes some, and looks that every other is whole: what was acknowledged must be.</summary>
internal sealed class KeepingClient(MillpondHost millpond, int number, ConcurrentQueue<string> wrongs, ConcurrentDictionary<string, int> tally)
{
    /// <summary>More at once would not fit into the small store.</summary>
    private const int MostKept = 5;

    private readonly Random random = new(7000 + number);
    private readonly PushClient client = new(millpond, $"team/app{number}");
    private readonly TestBlob[] shared = [.. Enumerable.Range(0, 3).Select(i => TestBlob.Generated(seed: 500 + i, length: 60_000 + i))];
    private readonly List<TestImage> kept = [];
    private int made;

    public async Task RunAsync(CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            if (kept.Count < MostKept)
            {
                await PushAsync();
            }
            else if (random.Next(2) == 0)
            {
                await DeleteAsync();
            }
            else
            {
                await CheckAsync(kept[random.Next(kept.Count)]);
            }
        }
    }

    /// <summary>All that was acknowledged and not deleted.</summary>
    public async Task CheckAllAsync()
    {
        foreach (var image in kept)
        {
            await CheckAsync(image);
        }
    }

    private async Task PushAsync()
    {
        var image = TestImages.WithLayers(shared[random.Next(shared.Length)], TestBlob.Generated(seed: number * 100_000 + made++, length: random.Next(1_000, 150_000)));
        foreach (var blob in image.Blobs)
        {
            using var begun = await client.SendAsync(HttpMethod.Post, $"/v2/{client.Repository}/blobs/uploads/");
            if (begun.StatusCode != HttpStatusCode.Accepted)
            {
                Count("push", begun, 507, 503);
                return;
            }

            using var put = await client.SendAsync(HttpMethod.Put, $"{begun.Headers.Location}?digest={blob.Digest}", blob.ToArray());
            if (put.StatusCode != HttpStatusCode.Created)
            {
                Count("push", put, 507, 503);
                return;
            }
        }

        using var response = await client.PutManifestAsync(image.Manifest, $"t{random.Next(20)}");

        // This collector's clock is weeks ahead: it may take a blob between its upload and this, which then must be said.
        Count("manifest", response, 201, 400, 503, 507);
        if (response.StatusCode == HttpStatusCode.Created)
        {
            kept.Add(image);
            await CheckAsync(image);
        }
    }

    private async Task DeleteAsync()
    {
        var image = kept[random.Next(kept.Count)];
        using var response = await client.SendAsync(HttpMethod.Delete, $"/v2/{client.Repository}/manifests/{image.Digest}");
        Count("delete", response, 202, 503);
        if (response.StatusCode == HttpStatusCode.Accepted)
        {
            kept.Remove(image);
        }
    }

    private async Task CheckAsync(TestImage image)
    {
        using var manifest = await millpond.ManifestAsync(client.Repository, image.Digest.ToString());
        Count("own manifest", manifest, 200);
        foreach (var blob in image.Blobs)
        {
            using var response = await millpond.BlobAsync(client.Repository, blob.Digest);
            Count("own blob", response, 200);
            if (response.IsSuccessStatusCode && blob.Digest.Rehash(await response.Content.ReadAsByteArrayAsync()) != blob.Digest)
            {
                wrongs.Enqueue($"{client.Repository}@{blob.Digest} was answered with other bytes");
            }
        }
    }

    private void Count(string what, HttpResponseMessage response, params int[] allowed)
    {
        var status = (int)response.StatusCode;
        tally.AddOrUpdate($"{what} {status}", 1, static (_, count) => count + 1);
        if (!allowed.Contains(status))
        {
            wrongs.Enqueue($"{client.Repository}: {what} was answered {status}: {response.RequestMessage!.RequestUri}");
        }
    }
}
