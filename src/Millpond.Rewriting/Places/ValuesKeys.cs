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

    /// <summary>Keys under which nothing is looked for.</summary>
    public ImmutableArray<string> Skip { get; private init; } = [];

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
        Files = Files.AddRange(row.Words("files")),
        Skip = Skip.AddRange(row.Words("skip")),
    };
}
