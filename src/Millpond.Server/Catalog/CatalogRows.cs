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
public sealed record TagRow(
    RepositoryName Repository, string Tag, Digest Digest, TagOrigin Origin, DateTimeOffset CheckedAt, DateTimeOffset? AbsentSince);

/// <summary>A manifest's exact bytes.</summary>
public sealed record ManifestRow(Digest Digest, string MediaType, ReadOnlyMemory<byte> Content);

/// <summary>A blob whose bytes are in the store.</summary>
public sealed record BlobRow(Digest Digest, long Size, DateTimeOffset StoredAt, DateTimeOffset PulledAt);

/// <summary>An upstream's document that is kept for outages: a tag list, the referrers of a digest.</summary>
public sealed record ListRow(ReadOnlyMemory<byte> Content, DateTimeOffset CheckedAt);
