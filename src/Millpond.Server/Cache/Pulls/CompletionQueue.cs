using System.Collections.Concurrent;
using System.Threading.Channels;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Pulls;

/// <summary>The queue of indexes whose other children are to be fetched, so that an outage does not strand the other architecture.</summary>
internal sealed class CompletionQueue
{
    /// <summary>Indexes that wait; a full queue takes no more, and what it did not take is queued by its next pull from upstream or the next start.</summary>
    private const int Capacity = 10_000;

    private readonly Channel<CompletionWork> queue = Channel.CreateBounded<CompletionWork>(Capacity);
    private readonly ConcurrentDictionary<(RepositoryName, Digest), bool> known = new();

    public ChannelReader<CompletionWork> Queue => queue.Reader;

    /// <summary>Whether this is an index that the rule wants completed and that was not queued before.</summary>
    public bool Takes(RuleMatch target, Digest index, ManifestDocument? document) =>
        document is { Manifests.IsEmpty: false } && !target.Rule.CompleteIndexes.IsNone && !known.ContainsKey((target.Repository, index));

    /// <summary>Queues the children that the rule wants, once per index; again only when so many others came that it was forgotten.</summary>
    public void Enqueue(RuleMatch target, Digest index, ManifestDocument? document)
    {
        if (document is null || !Takes(target, index, document))
        {
            return;
        }

        if (known.Count >= Capacity)
        {
            known.Clear();
        }

        if (known.TryAdd((target.Repository, index), true))
        {
            Write(new CompletionWork(target, index, [.. document.Manifests.Where(child => IsWanted(target.Rule.CompleteIndexes, child))], Attempt: 1));
        }
    }

    /// <summary>Queues work again that failed.</summary>
    public void Again(CompletionWork work) => Write(work);

    /// <summary>Queues work that somebody else remembers; false where the queue is full.</summary>
    public bool TryAdd(CompletionWork work) => queue.Writer.TryWrite(work);

    /// <summary>Lets the next pull of the index queue it anew.</summary>
    public void Forget(CompletionWork work) => known.TryRemove((work.Target.Repository, work.Index), out _);

    private void Write(CompletionWork work)
    {
        if (!queue.Writer.TryWrite(work))
        {
            Forget(work);
        }
    }

    /// <summary>A platform without a variant means all its variants.</summary>
    private static bool IsWanted(IndexCompletion wanted, Descriptor child) =>
        wanted.All || child.Platform is { } platform && wanted.Platforms.Any(
            wish => platform == wish || platform.StartsWith(wish, StringComparison.Ordinal) && platform[wish.Length] == '/');
}

/// <summary>The children of one index that are to be fetched, or one image that is to be whole.</summary>
internal sealed record CompletionWork(RuleMatch Target, Digest Index, IReadOnlyList<Descriptor> Children, int Attempt)
{
    /// <summary>Whether it is an image whose own blobs are to be here.</summary>
    public bool IsImage { get; init; }

    /// <summary>Whether its children are stored here for other repositories, and are to be proved to belong to this one: nothing is remembered of it.</summary>
    public bool OnlyProves { get; init; }
}
