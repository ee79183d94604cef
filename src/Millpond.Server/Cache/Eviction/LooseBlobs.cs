using System.Threading.Channels;
using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Server.Cache.Eviction;

/// <summary>
/// Frees the bytes of deleted blobs that no repository has any more, while nobody pushes or links them. What does not get its turn here, after a
/// kill for one, goes with what is evicted.
/// </summary>
internal sealed class LooseBlobs(BlobBooks books, CatalogDatabase catalog)
{
    /// <summary>More that wait are left to eviction.</summary>
    private const int Most = 100_000;

    private readonly Channel<Digest> queue = Channel.CreateBounded<Digest>(new BoundedChannelOptions(Most) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Add(IReadOnlyList<Digest> digests)
    {
        foreach (var digest in digests)
        {
            queue.Writer.TryWrite(digest);
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var digest in queue.Reader.ReadAllAsync(cancellationToken))
        {
            await books.RemoveAsync(digest, async () => !await catalog.Contents.IsLinkedAnywhereAsync(digest));
        }
    }
}
