using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Pulls;

/// <summary>
/// The images that clients are pulling, so that the rest of each is fetched: who has its base layers already pulls only what is above
/// them, and the next node may need them while the upstream is down. A manifest alone, or with its config, is an inspection and makes
/// nothing.
/// </summary>
internal sealed class WantedImages(CompletionQueue queue, CatalogDatabase catalog, LinkMemory known, TimeProvider time, CancellationToken stopping)
{
    /// <summary>How long after the client's last request the rest is fetched: until then its own pull may bring it.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);

    /// <summary>The note of it is written after this: at once it would keep the disk, and a processor, from the very pull that asks.</summary>
    private static readonly TimeSpan NotedAfter = TimeSpan.FromSeconds(1);

    /// <summary>A whole image is looked at again when it is pulled after this: what was evicted meanwhile comes back.</summary>
    private static readonly TimeSpan WholeFor = TimeSpan.FromHours(1);

    /// <summary>Images remembered, and layers that lead to them, of some 300 bytes each; the oldest are forgotten first.</summary>
    private const int Capacity = 50_000;

    /// <summary>Images that wait for their quiet moment at once.</summary>
    private const int MostWaiting = 5_000;

    /// <summary>No registry takes an image of more; a made-up one of more is not watched by its further layers.</summary>
    private const int MostLayers = 500;

    private readonly GenerationCache<(RepositoryName, Digest), Image> images = new(Capacity, static _ => 1);
    private readonly GenerationCache<(RepositoryName, Digest), Image> layers = new(2 * Capacity, static _ => 1);
    private readonly ConcurrentDictionary<string, int> incomplete = new(StringComparer.Ordinal);
    private readonly Task stopped = Task.Delay(Timeout.InfiniteTimeSpan, time, stopping);
    private int waiting;

    private enum State
    {
        /// <summary>Its manifest was asked for.</summary>
        Seen,

        /// <summary>Its rest is to be fetched.</summary>
        Wanted,
        Whole,
    }

    /// <summary>Images under a rule whose rest is still to be fetched.</summary>
    public int Incomplete(string prefix) => incomplete.GetValueOrDefault(prefix);

    /// <summary>A client was answered with a manifest.</summary>
    public void ManifestAsked(RuleMatch target, ManifestContent content, PullOptions options)
    {
        var mode = options.WarmUp ? ImageCompletion.Always : target.Rule.CompleteImages;
        if (mode == ImageCompletion.Never || options.OnlyIfCached)
        {
            return;
        }

        var image = images.TryGet((target.Repository, content.Digest), out var seen) ? seen : See(target, content);
        image.AskedAt = time.GetTimestamp();
        if (mode == ImageCompletion.Always && image.HasLayers)
        {
            Want(image);
        }
    }

    /// <summary>A client asks for a blob.</summary>
    public void BlobAsked(RuleMatch target, Digest digest)
    {
        if (layers.TryGet((target.Repository, digest), out var image))
        {
            image.AskedAt = time.GetTimestamp();
            Want(image);
        }
    }

    /// <summary>What an earlier run did not come to; false where it is no image, or its rule wants none.</summary>
    public bool TakeUp(RuleMatch target, ManifestContent content)
    {
        var image = See(target, content);
        if (!image.HasLayers || target.Rule.CompleteImages == ImageCompletion.Never)
        {
            return false;
        }

        image.AskedAt = time.GetTimestamp();
        Want(image);
        return true;
    }

    /// <summary>Nothing of the image is missing any more, or nothing more can be done.</summary>
    public void Ended(RuleMatch target, Digest manifest, bool isWhole)
    {
        if (images.TryGet((target.Repository, manifest), out var image) && image.TryEnd(isWhole ? State.Whole : State.Seen, time.GetTimestamp()))
        {
            incomplete.AddOrUpdate(target.Rule.Prefix, 0, static (_, count) => Math.Max(0, count - 1));
        }
    }

    private Image See(RuleMatch target, ManifestContent content)
    {
        var document = ManifestDocument.TryParse(content.Content, content.MediaType);
        var blobs = document is { Manifests.IsEmpty: true } && ManifestDocument.IsKnown(document.MediaType) ? document.Blobs : [];
        var image = images.Add((target.Repository, content.Digest), new Image(target, new Descriptor(content.MediaType, content.Digest, content.Content.Length, null, IsForeign: false), blobs.Length > 0));

        // The first is the config, which an inspection asks for too.
        foreach (var layer in blobs.Skip(1).Take(MostLayers))
        {
            layers.Set((target.Repository, layer.Digest), image);
        }

        return image;
    }

    private void Want(Image image)
    {
        if (!image.CanBeWanted(time, WholeFor))
        {
            return;
        }

        if (Interlocked.Increment(ref waiting) > MostWaiting || !image.TryWant(time, WholeFor))
        {
            Interlocked.Decrement(ref waiting);
            return;
        }

        incomplete.AddOrUpdate(image.Target.Rule.Prefix, 1, static (_, count) => count + 1);

        _ = QueueWhenQuietAsync(image, known.At(image.Target), known.DropCount);
    }

    private async Task QueueWhenQuietAsync(Image image, OriginRepository at, long asOf)
    {
        try
        {
            await stopped.WaitAsync(NotedAfter, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            if (known.LastDrop(at.Name) <= asOf)
            {
                // Unwritten, a restart forgets it, and its next pull wants it again.
                _ = catalog.Incomplete.PutAsync(at, image.Manifest.Digest).OrUnwrittenAsync();
            }
            while (Quiet - time.GetElapsedTime(image.AskedAt) is var left && left > TimeSpan.Zero)
            {
                await Task.Delay(left, time, stopping);
            }

            if (!queue.TryAdd(new CompletionWork(image.Target, image.Manifest.Digest, [image.Manifest], Attempt: 1) { IsImage = true }))
            {
                Ended(image.Target, image.Manifest.Digest, isWhole: false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops; the next start takes it up.
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    private sealed class Image(RuleMatch target, Descriptor manifest, bool hasLayers)
    {
        private readonly Lock gate = new();
        private State state;
        private long wholeAt;
        private long askedAt;

        public RuleMatch Target { get; } = target;

        /// <summary>Not its bytes: 50,000 of them would be anything.</summary>
        public Descriptor Manifest { get; } = manifest;

        public bool HasLayers { get; } = hasLayers;

        public long AskedAt
        {
            get => Interlocked.Read(ref askedAt);
            set => Interlocked.Exchange(ref askedAt, value);
        }

        public bool CanBeWanted(TimeProvider time, TimeSpan wholeFor)
        {
            lock (gate)
            {
                return state == State.Seen || state == State.Whole && time.GetElapsedTime(wholeAt) > wholeFor;
            }
        }

        public bool TryWant(TimeProvider time, TimeSpan wholeFor)
        {
            lock (gate)
            {
                if (!CanBeWanted(time, wholeFor))
                {
                    return false;
                }

                state = State.Wanted;
                return true;
            }
        }

        public bool TryEnd(State end, long at)
        {
            lock (gate)
            {
                if (state != State.Wanted)
                {
                    return false;
                }

                state = end;
                wholeAt = at;
                return true;
            }
        }
    }
}
