using Millpond.Server.Catalog;

namespace Millpond.Server.Cache;

/// <summary>A tag as the memory cache holds it: its manifest and when that was last checked upstream.</summary>
internal sealed record TagEntry(ManifestContent Manifest, TagOrigin Origin, DateTimeOffset CheckedAt, DateTimeOffset? AbsentSince);
