using System.Collections.Immutable;
using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Places;

/// <summary>The tables of places: data that comes with the program, and what a user adds to it.</summary>
public sealed class PlaceTables
{
    private static readonly Lazy<PlaceTables> BuiltIn = new(() =>
    {
        using var stream = typeof(PlaceTables).Assembly.GetManifestResourceStream("Millpond.Rewriting.Tables.places.yaml")
            ?? throw new InvalidOperationException("The tables of places are not in the assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return new PlaceTables().With(bytes.ToArray());
    });

    private PlaceTables()
    {
    }

    /// <summary>The tables that come with the program.</summary>
    public static PlaceTables Default => BuiltIn.Value;

    internal ImmutableArray<ResourceRow> Resources { get; private init; } = [];

    internal ImmutableArray<KindPattern> Ignored { get; private init; } = [];

    internal ImmutableArray<DocumentRow> Documents { get; private init; } = [];

    internal ImmutableHashSet<string> Flags { get; private init; } = [];

    internal ImmutableHashSet<string> ArgumentKeys { get; private init; } = [];

    internal ImmutableArray<string> Environment { get; private init; } = [];

    internal ImmutableArray<ConfigMapRow> ConfigMaps { get; private init; } = [];

    internal ImmutableHashSet<string> Annotations { get; private init; } = [];

    internal ImmutableArray<PlaceholderRow> Placeholders { get; private init; } = [];

    internal ValuesKeys Values { get; private init; } = new();

    /// <summary>These tables and the rows of a file in the same form.</summary>
    /// <exception cref="FormatException">The file is not in that form.</exception>
    public PlaceTables With(ReadOnlyMemory<byte> yaml)
    {
        var root = TableReader.Read(yaml);
        var tables = new PlaceTables
        {
            Resources = Resources.AddRange(root.Rows("resources").Select(row => new ResourceRow(KindPattern.From(row), row.Paths("places")))),
            Ignored = Ignored.AddRange(root.Rows("ignored").Select(KindPattern.From)),
            Documents = Documents.AddRange(root.Rows("documents").Select(row =>
                new DocumentRow(row.Word("name"), row.Words("files"), row.Words("when"), row.Paths("places")))),
            Flags = Flags.Union(root.Words("flags")),
            ArgumentKeys = ArgumentKeys.Union(root.Words("argumentKeys")),
            Environment = Environment.AddRange(root.Words("environment")),
            ConfigMaps = ConfigMaps.AddRange(root.Rows("configMaps").Select(row =>
                new ConfigMapRow(row.WordOrNull("name"), row.WordOrNull("label"), row.Paths("places")))),
            Annotations = Annotations.Union(root.Words("annotations")),
            Placeholders = Placeholders.AddRange(root.Rows("placeholders").Select(row =>
                new PlaceholderRow(row.Word("image"), row.Words("when")))),
            Values = root.RowOrNull("values") is { } values ? Values.With(values) : Values,
        };
        root.RefuseOtherKeys();
        return tables;
    }

    /// <summary>Whether kinds of this group have places in the tables.</summary>
    public bool KnowsGroup(string group) => Resources.Any(row => row.Kind.Group == group);

    /// <summary>Whether this kind has places in the tables.</summary>
    public bool KnowsKind(string group, string kind) => Resources.Any(row => row.Kind.Matches(group, kind)) && !IsIgnored(group, kind);

    internal bool IsIgnored(string group, string kind) => Ignored.Any(pattern => pattern.Matches(group, kind));

    internal bool IsEnvironment(string name) => Environment.Any(pattern => Wildcard.Matches(pattern, name));
}

/// <summary>A group of Kubernetes' API and kinds in it; <c>*</c> is any kind.</summary>
internal sealed record KindPattern(string Group, ImmutableArray<string> Kinds)
{
    public static KindPattern From(TableReader row) => new(row.Word("group"), row.Words("kinds"));

    public bool Matches(string group, string kind) => group == Group && (Kinds.Contains(kind) || Kinds.Contains("*"));
}

internal sealed record ResourceRow(KindPattern Kind, ImmutableArray<PlacePath> Places);

internal sealed record DocumentRow(string Name, ImmutableArray<string> Files, ImmutableArray<string> When, ImmutableArray<PlacePath> Places)
{
    public bool Matches(string fileName, MappingNode root) =>
        (Files.IsEmpty || Files.Any(pattern => Wildcard.Matches(pattern, fileName, StringComparison.OrdinalIgnoreCase)))
        && When.All(key => root.Find(key) is not null);
}

internal sealed record ConfigMapRow(string? Name, string? Label, ImmutableArray<PlacePath> Places)
{
    public bool Matches(string? name, MappingNode? labels) =>
        (Name is not null || Label is not null)
        && (Name is null || (name is not null && Wildcard.Matches(Name, name)))
        && (Label is null || labels?.Find(Label) is not null);
}

/// <summary>An image that somebody else fills in when the Pod carries a label or annotation with one of these beginnings.</summary>
internal sealed record PlaceholderRow(string Image, ImmutableArray<string> When);
