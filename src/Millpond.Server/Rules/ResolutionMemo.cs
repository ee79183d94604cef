using System.Diagnostics.CodeAnalysis;
using Millpond.Images;
using Millpond.Server.Bounded;

namespace Millpond.Server.Rules;

/// <summary>What a repository was asked by.</summary>
internal readonly record struct ResolutionKey(RepositoryName Asked, string? Ns, string? Scope);

/// <summary>
/// The resolutions of late, bounded in bytes: names that a client makes up can neither grow it nor empty it of what is in use.
/// </summary>
internal sealed class ResolutionMemo(long bytes = 8L * 1024 * 1024)
{
    /// <summary>What an entry costs beside its texts, in two dictionaries' nodes.</summary>
    private const int Overhead = 400;

    private readonly GenerationCache<ResolutionKey, RuleResolution> memo = new(bytes, Cost);

    public bool TryGet(ResolutionKey key, [NotNullWhen(true)] out RuleResolution? resolution) => memo.TryGet(key, out resolution);

    public void Add(ResolutionKey key, RuleResolution resolution) => memo.Add(key, resolution);

    /// <summary>How many resolutions are held.</summary>
    public int Count => memo.Count;

    private static long Cost(ResolutionKey key, RuleResolution resolution) =>
        Overhead + (2 * key.Asked.ToString().Length + (key.Ns?.Length ?? 0) + resolution.Reason.Length) * sizeof(char);
}
