using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Tests.Conformance;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>What a client knows of a server that may be killed at any moment: acknowledged, or not yet.</summary>
internal enum Known
{
    /// <summary>A request was under way when the server died: either outcome is right.</summary>
    Perhaps,

    /// <summary>The server has said so.</summary>
    Here,
}

/// <summary>Pushes, pulls and deletes in a repository of its own; remembers what was acknowledged, and looks whether it is so.</summary>
internal sealed class PushWorker(int number, IReadOnlyList<TestBlob> layers, ConcurrentDictionary<string, int> tally)
{
    private const int MostImages = 6;
    private const int MostGone = 10;

    private readonly Random random = new(4700 + number);
    private readonly ConcurrentDictionary<string, HeldImage> images = new(StringComparer.Ordinal);
    private readonly Dictionary<Digest, (TestBlob Blob, Known Known)> blobs = [];
    private readonly Queue<Digest> gone = [];
    private string? newest;
    private int made;
    private int steps;

    public string Repository { get; } = $"own/team-{number}";

    /// <summary>How much it has done.</summary>
    public int Steps => Volatile.Read(ref steps);

    /// <summary>Works until the server answers no more.</summary>
    public async Task RunAsync(RegistryUnderTest registry, IReadOnlyList<PushWorker> all, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            switch (random.Next(10))
            {
                case < 4:
                    await PushAsync(registry, all[random.Next(all.Count)]);
                    break;
                case < 6 when images.Count > 2:
                    await DeleteAsync(registry);
                    break;
                default:
                    await PullAsync(registry, all[random.Next(all.Count)]);
                    break;
            }

            if (images.Count > MostImages)
            {
                await DeleteAsync(registry);
            }

            Interlocked.Increment(ref steps);
        }
    }

    /// <summary>Nothing that was acknowledged is missing, nothing that was deleted is back, and what is doubtful is whole or not there.</summary>
    public async Task VerifyAsync(RegistryUnderTest registry)
    {
        foreach (var (tag, held) in images)
        {
            if (held.Known == Known.Perhaps && !(await registry.ManifestAsync(Repository, held.Image.Digest)).Expect(200, 404).Is(200))
            {
                images.TryRemove(tag, out _);
                Count("doubtful images that are not there");
                continue;
            }

            if (held.Known == Known.Perhaps)
            {
                Count("doubtful images that are there");
                (await registry.PutManifestAsync(Repository, tag, held.Image.Manifest.MediaType, held.Image.Manifest.Content)).Expect(201);
                held.Known = Known.Here;
            }

            await AssertWholeAsync(registry, tag, held.Image);
        }

        foreach (var (digest, (blob, known)) in blobs.ToList())
        {
            if (known == Known.Perhaps && !(await registry.BlobAsync(Repository, digest, HttpMethod.Head)).Expect(200, 404).Is(200))
            {
                blobs.Remove(digest);
                continue;
            }

            blobs[digest] = (blob, Known.Here);
            (await registry.BlobAsync(Repository, digest)).Expect(200).ExpectBody(blob.ToArray());
        }

        foreach (var digest in gone)
        {
            (await registry.ManifestAsync(Repository, digest, HttpMethod.Head)).Expect(404);
        }

        if (newest is not null)
        {
            (await registry.ManifestAsync(Repository, newest, HttpMethod.Head)).Expect(200, 404);
        }
    }

    private async Task PushAsync(RegistryUnderTest registry, PushWorker other)
    {
        var tag = $"v{made++}";
        TestBlob[] own = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => layers[random.Next(layers.Count)]), TestBlob.Generated((number * 100_000) + made, random.Next(1, 60_000))];
        var image = TestImages.WithLayers(own);
        foreach (var blob in image.Blobs)
        {
            await PushBlobAsync(registry, blob, other);
        }

        var held = new HeldImage(image);
        images[tag] = held;
        newest = tag;
        (await registry.PutManifestAsync(Repository, tag, image.Manifest.MediaType, image.Manifest.Content)).Expect(201);
        held.Known = Known.Here;
        Count("images pushed");
    }

    private async Task PushBlobAsync(RegistryUnderTest registry, TestBlob blob, PushWorker other)
    {
        if (blobs.TryGetValue(blob.Digest, out var held) && held.Known == Known.Here && random.Next(2) == 0)
        {
            return;
        }

        blobs.TryAdd(blob.Digest, (blob, Known.Perhaps));
        if (random.Next(3) == 0)
        {
            var mount = (await registry.PostAsync($"/v2/{Repository}/blobs/uploads/?mount={blob.Digest}&from={other.Repository}")).Expect(201, 202);
            if (mount.Is(202))
            {
                (await Upload.At(registry, mount.Header("Location")).PutAsync(blob.Digest, blob.ToArray())).Expect(201);
            }

            Count(mount.Is(201) ? "blobs mounted" : "mounts refused");
        }
        else
        {
            (await registry.PushAsync(Repository, PushWays.All[random.Next(PushWays.All.Count)], blob.ToArray(), blob.Digest)).Expect(201);
            Count("blobs pushed");
        }

        blobs[blob.Digest] = (blob, Known.Here);
    }

    private async Task DeleteAsync(RegistryUnderTest registry)
    {
        var (tag, held) = images.ElementAt(random.Next(images.Count));
        held.Known = Known.Perhaps;
        (await registry.DeleteAsync($"/v2/{Repository}/manifests/{held.Image.Digest}")).Expect(202);
        images.TryRemove(tag, out _);
        gone.Enqueue(held.Image.Digest);
        if (gone.Count > MostGone)
        {
            gone.Dequeue();
        }

        Count("images deleted");
        foreach (var blob in held.Image.Blobs.Where(blob => !images.Values.Any(image => image.Image.Blobs.Contains(blob))).Distinct())
        {
            blobs[blob.Digest] = (blob, Known.Perhaps);
            (await registry.DeleteAsync($"/v2/{Repository}/blobs/{blob.Digest}")).Expect(202);
            blobs.Remove(blob.Digest);
            (await registry.BlobAsync(Repository, blob.Digest, HttpMethod.Head)).Expect(404);
            Count("blobs deleted");
        }
    }

    /// <summary>Another's image may be deleted meanwhile; what is answered must be right all the same.</summary>
    private async Task PullAsync(RegistryUnderTest registry, PushWorker other)
    {
        if (other.images.Values.FirstOrDefault() is not { } held)
        {
            return;
        }

        var isOurs = other == this && held.Known == Known.Here;
        var manifest = (await registry.ManifestAsync(other.Repository, held.Image.Digest)).Expect(isOurs ? [200] : [200, 404]);
        if (manifest.Is(200))
        {
            manifest.ExpectBody(held.Image.Manifest.Content);
        }

        foreach (var blob in held.Image.Blobs)
        {
            var answer = (await registry.BlobAsync(other.Repository, blob.Digest)).Expect(isOurs ? [200] : [200, 404]);
            if (answer.Is(200))
            {
                answer.ExpectBody(blob.ToArray());
                Count("blobs pulled");
            }
        }
    }

    private async Task AssertWholeAsync(RegistryUnderTest registry, string tag, TestImage image)
    {
        (await registry.ManifestAsync(Repository, tag)).Expect(200).ExpectBody(image.Manifest.Content);
        (await registry.ManifestAsync(Repository, image.Digest)).Expect(200).ExpectBody(image.Manifest.Content);
        foreach (var blob in image.Blobs.Distinct())
        {
            (await registry.BlobAsync(Repository, blob.Digest)).Expect(200).ExpectBody(blob.ToArray());
        }

        Count("images verified");
    }

    private void Count(string what) => tally.AddOrUpdate(what, 1, (_, count) => count + 1);

    private sealed class HeldImage(TestImage image)
    {
        public TestImage Image { get; } = image;

        public Known Known { get; set; } = Known.Perhaps;
    }
}
