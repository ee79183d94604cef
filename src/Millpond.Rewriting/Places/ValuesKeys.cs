using System.Collections.Immutable;

namespace Millpond.Rewriting.Places;

/// <summary>The keys by which Helm charts put a reference together.</summary>
internal sealed record ValuesKeys
{
    public ImmutableArray<string> Repository { get; private init; } = [];

    public ImmutableArray<string> Name { get; private init; } = [];

    public ImmutableArray<string> Registry { get; private init; } = [];

    public ImmutableArray<string> Tag { get; private init; } = [];

    public ImmutableArray<string> Digest { get; private init; } = [];

    /// <summary>Keys that tell a mapping with a repository for an image.</summary>
    public ImmutableArray<string> Companions { get; private init; } = [];

    /// <summary>Endings of keys whose text is a whole reference.</summary>
    public ImmutableArray<string> Endings { get; private init; } = [];

    /// <summary>Keys whose mapping holds references under names of its own.</summary>
    public ImmutableArray<string> Collections { get; private init; } = [];

    /// <summary>Endings of texts that are pictures and disks.</summary>
    public ImmutableArray<string> Files { get; private init; } = [];

    /// <summary>Keys that tell a mapping with a repository for something else.</summary>
    public ImmutableArray<string> Foreign { get; private init; } = [];

    /// <summary>Keys whose mapping is something else although it has a repository.</summary>
    public ImmutableArray<string> ForeignKeys { get; private init; } = [];

    /// <summary>Texts that are machines and pictures.</summary>
    public ImmutableArray<string> Lookalikes { get; private init; } = [];

    /// <summary>Keys that hold such.</summary>
    public ImmutableArray<string> LookalikeKeys { get; private init; } = [];

    /// <summary>Keys whose text is the beginning of names that the templates complete.</summary>
    public ImmutableArray<string> Prefixes { get; private init; } = [];

    /// <summary>Keys under which nothing is looked for.</summary>
    public ImmutableArray<string> Skip { get; private init; } = [];

    /// <summary>Whether a text without a registry is known for a machine's or a picture, by itself or by its key.</summary>
    public bool IsLookalike(string? key, string text) =>
        Lookalikes.Any(pattern => Wildcard.Matches(pattern, text, StringComparison.OrdinalIgnoreCase))
        || Files.Any(end => text.EndsWith(end, StringComparison.OrdinalIgnoreCase))
        || (key is not null && LookalikeKeys.Any(pattern => Wildcard.Matches(pattern, key, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Whether what stands under this key is a git repository, a chart and the like.</summary>
    public bool IsForeign(string? key) => key is not null && ForeignKeys.Any(pattern => Wildcard.Matches(pattern, key, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether the text under this key is the beginning of names.</summary>
    public bool IsPrefix(string key) => Prefixes.Any(pattern => Wildcard.Matches(pattern, key, StringComparison.OrdinalIgnoreCase));

    public ValuesKeys With(TableReader row) => new()
    {
        Repository = Repository.AddRange(row.Words("repository")),
        Name = Name.AddRange(row.Words("name")),
        Registry = Registry.AddRange(row.Words("registry")),
        Tag = Tag.AddRange(row.Words("tag")),
        Digest = Digest.AddRange(row.Words("digest")),
        Companions = Companions.AddRange(row.Words("companions")),
        Endings = Endings.AddRange(row.Words("endings")),
        Collections = Collections.AddRange(row.Words("collections")),
        Foreign = Foreign.AddRange(row.Words("foreign")),
        ForeignKeys = ForeignKeys.AddRange(row.Words("foreignKeys")),
        Lookalikes = Lookalikes.AddRange(row.Words("lookalikes")),
        LookalikeKeys = LookalikeKeys.AddRange(row.Words("lookalikeKeys")),
        Files = Files.AddRange(row.Words("files")),
        Prefixes = Prefixes.AddRange(row.Words("prefixes")),
        Skip = Skip.AddRange(row.Words("skip")),
    };
}
