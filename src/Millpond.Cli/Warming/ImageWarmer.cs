using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Cli.Warming;

/// <summary>Pulls one image down to its last layer, as the nodes of a cluster would: each blob once, and none that the cache has.</summary>
internal sealed class ImageWarmer(CacheClient cache, PlatformChoice platforms, IWarmProgress progress)
{
    /// <summary>An index in an index in an index; what nests deeper is made to be followed for ever.</summary>
    private const int MostLevels = 4;

    public async Task<WarmOutcome> WarmAsync(WarmImage image, CancellationToken cancellationToken)
    {
        var blobs = new Dictionary<Digest, Descriptor>();
        if (await FindBlobsAsync(image, image.Name, blobs, MostLevels, cancellationToken) is { } failure)
        {
            return new WarmOutcome(image, failure);
        }

        progress.Expect(image, blobs.Values.Sum(blob => blob.Size));
        var answers = await Task.WhenAll(blobs.Values.Select(blob => WarmAsync(image, blob, cancellationToken)));
        return new WarmOutcome(
            image,
            answers.Select(answer => answer.Failure).FirstOrDefault(reason => reason is not null),
            answers.Sum(answer => answer.Pulled),
            answers.Count(answer => answer is { Failure: null, WasCached: false }),
            answers.Count(answer => answer.WasCached));
    }

    /// <summary>The blobs of a manifest and of its chosen children, or why they cannot be known.</summary>
    private async Task<string?> FindBlobsAsync(
        WarmImage image, string name, Dictionary<Digest, Descriptor> blobs, int levels, CancellationToken cancellationToken)
    {
        var manifest = await cache.GetManifestAsync(image, name, cancellationToken);
        if (manifest.Document is not { } document)
        {
            return manifest.Failure;
        }

        foreach (var blob in document.Blobs.Where(blob => !blob.IsForeign))
        {
            blobs.TryAdd(blob.Digest, blob);
        }

        var chosen = document.Manifests.Where(child => platforms.Includes(child.Platform)).ToArray();
        if (chosen.Length == 0 && !document.Manifests.IsEmpty)
        {
            var has = document.Manifests.Select(child => child.Platform ?? "others").Where(platform => platform != "unknown/unknown").Distinct();
            return $"has nothing for {platforms}; it has {string.Join(", ", has)}";
        }

        foreach (var child in chosen)
        {
            var failure = levels == 1
                ? "its indexes are nested too deep"
                : await FindBlobsAsync(image, child.Digest.ToString(), blobs, levels - 1, cancellationToken);
            if (failure is not null)
            {
                return $"{child.Platform ?? child.Digest.ToString()}: {failure}";
            }
        }

        return null;
    }

    private async Task<BlobAnswer> WarmAsync(WarmImage image, Descriptor blob, CancellationToken cancellationToken)
    {
        if (await cache.HasBlobAsync(image, blob.Digest, cancellationToken))
        {
            progress.Received(image, blob.Size);
            return new BlobAnswer(null, WasCached: true, 0);
        }

        var (failure, pulled) = await cache.PullBlobAsync(image, blob.Digest, bytes => progress.Received(image, bytes), cancellationToken);
        return new BlobAnswer(failure is null ? null : $"{blob.Digest}: {failure}", WasCached: false, pulled);
    }

    private sealed record BlobAnswer(string? Failure, bool WasCached, long Pulled);
}
