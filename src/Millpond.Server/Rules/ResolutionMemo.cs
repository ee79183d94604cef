using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Millpond.Images;

namespace Millpond.Server.Rules;

/// <summary>What a repository was asked by.</summary>
internal readonly record struct ResolutionKey(RepositoryName Asked, string? Ns, string? Scope);

/// <summary>
/// The resolutions of late, bounded by two generations: when the young one is full it becomes the old one, whose entries live on by
/// being asked for. So names that a client makes up cannot grow it, nor empty it of what is in use.
/// </summary>
internal sealed class ResolutionMemo(int generationSize = 8192)
{
    private ConcurrentDictionary<ResolutionKey, RuleResolution> young = new();
    private ConcurrentDictionary<ResolutionKey, RuleResolution> old = new();
    private int added;

    public bool TryGet(ResolutionKey key, [NotNullWhen(true)] out RuleResolution? resolution)
    {
        if (young.TryGetValue(key, out resolution))
        {
            return true;
        }

        if (!old.TryGetValue(key, out resolution))
        {
            return false;
        }

        Add(key, resolution);
        return true;
    }

    public void Add(ResolutionKey key, RuleResolution resolution)
    {
        if (young.TryAdd(key, resolution) && Interlocked.Increment(ref added) == generationSize)
        {
            // Exactly one caller counts to the size, so that the generations are turned once. A few entries may slip in late.
            old = young;
            young = new();
            Interlocked.Exchange(ref added, 0);
        }
    }

    /// <summary>How many resolutions are held.</summary>
    public int Count => young.Count + old.Count;
}
