using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>Where a tag comes from. A pushed one is never checked upstream.</summary>
public enum TagOrigin
{
    Pulled,
    Pushed,
}

/// <param name="CheckedAt">When the upstream last said that the tag means <paramref name="Digest"/>.</param>
/// <param name="AbsentSince">When the upstream was first found without the tag; null while it has it.</param>
public sealed record TagRow(string Tag, Digest Digest, TagOrigin Origin, DateTimeOffset CheckedAt, DateTimeOffset? AbsentSince);

/// <summary>A manifest's exact bytes.</summary>
public sealed record ManifestRow(Digest Digest, string MediaType, ReadOnlyMemory<byte> Content);

/// <summary>A blob whose bytes are in the store.</summary>
public sealed record BlobRow(Digest Digest, long Size, DateTimeOffset StoredAt, DateTimeOffset PulledAt);

/// <summary>An upstream's list that is kept for outages: the tags of a repository, the referrers of a digest.</summary>
/// <param name="Entries">Under which number its entries are.</param>
/// <param name="CutAt">How many entries were read where upstream has more; null where it is whole.</param>
public sealed record ListRow(long Entries, long Count, long? CutAt, DateTimeOffset CheckedAt);

/// <summary>One entry of a list: a tag; or a referrer's digest, its artifact type, and its descriptor as JSON.</summary>
public sealed record ListEntry(string Name, string? Type = null, byte[]? Content = null)
{
    /// <summary>What a row takes beside its texts: keys, lengths, and its share of a page of the tree.</summary>
    private const int Overhead = 40;

    public long Cost => Name.Length + (Type?.Length ?? 0) + (Content?.Length ?? 0) + Overhead;
}

public enum EvictableKind
{
    Blob,
    Manifest,
    List,
}

/// <summary>What can be evicted.</summary>
/// <param name="Key">The digest; of a list, the number of its entries.</param>
public sealed record EvictableRow(EvictableKind Kind, string Key, long Bytes, DateTimeOffset PulledAt);

/// <summary>What went with a manifest, for those who remember it.</summary>
public sealed record RemovedManifest(
    IReadOnlyList<(RepositoryName Repository, Origin Origin)> Links, IReadOnlyList<(RepositoryName Repository, Origin Origin, string Tag)> Tags);
