using Millpond.Server.Cache.Answers;
using Millpond.Server.Catalog;

namespace Millpond.Server.Cache.Memory;

/// <summary>A tag as the memory cache holds it: its manifest and when that was last checked upstream.</summary>
internal sealed record TagEntry(ManifestContent Manifest, TagOrigin Origin, DateTimeOffset CheckedAt, DateTimeOffset? AbsentSince)
{
    /// <summary>Whether the tag was checked or moved since somebody saw it as <paramref name="seen"/>; null is one who saw none.</summary>
    public bool IsNewerThan(TagEntry? seen) => seen is null || CheckedAt > seen.CheckedAt || Manifest.Digest != seen.Manifest.Digest;
}
