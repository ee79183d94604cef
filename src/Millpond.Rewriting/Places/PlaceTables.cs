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

    internal ImmutableArray<IgnoredRow> Ignored { get; private init; } = [];

    internal ImmutableArray<DocumentRow> Documents { get; private init; } = [];

    internal HashSet<string> Flags { get; private init; } = [];

    /// <summary>Keys whose mapping has an image: modules of Ansible, and the like.</summary>
    internal HashSet<string> Modules { get; private init; } = [];

    /// <summary>Keys whose mapping is an image by its name: modules of Ansible that pull one.</summary>
    internal HashSet<string> ImageModules { get; private init; } = [];

    internal HashSet<string> ArgumentKeys { get; private init; } = [];

    internal ImmutableArray<string> Environment { get; private init; } = [];

    internal ImmutableArray<ConfigMapRow> ConfigMaps { get; private init; } = [];

    internal HashSet<string> Annotations { get; private init; } = [];

    internal ImmutableArray<string> Registries { get; private init; } = [];

    internal ImmutableArray<string> NoRegistries { get; private init; } = [];

    internal ImmutableArray<string> Artifacts { get; private init; } = [];

    internal Mentions Mentions { get; private init; } = new();

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
            Ignored = Ignored.AddRange(root.Rows("ignored").Select(row => new IgnoredRow(KindPattern.From(row), Mentions.ReasonOf(row)))),
            Documents = Documents.AddRange(root.Rows("documents").Select(row =>
                new DocumentRow(row.Word("name"), row.Words("files"), row.Words("when"), row.Paths("places"))
                {
                    Reason = row.WordOrNull("as") is { } word ? Obstacles.ParseImposed(word) : null,
                })),
            Flags = [.. Flags, .. root.Words("flags")],
            Modules = [.. Modules, .. root.Words("modules")],
            ImageModules = [.. ImageModules, .. root.Words("imageModules")],
            ArgumentKeys = [.. ArgumentKeys, .. root.Words("argumentKeys")],
            Environment = Environment.AddRange(root.Words("environment")),
            ConfigMaps = ConfigMaps.AddRange(root.Rows("configMaps").Select(row =>
                new ConfigMapRow(row.WordOrNull("name"), row.WordOrNull("label"), row.Paths("places")))),
            Annotations = [.. Annotations, .. root.Words("annotations")],
            Placeholders = Placeholders.AddRange(root.Rows("placeholders").Select(row =>
                new PlaceholderRow(row.Word("image"), row.Words("when")))),
            Registries = Registries.AddRange(root.Words("registries")),
            Artifacts = Artifacts.AddRange(root.Words("artifacts")),
            NoRegistries = NoRegistries.AddRange(root.Words("noRegistries")),
            Mentions = Mentions.With(root),
            Values = root.RowOrNull("values") is { } values ? Values.With(values) : Values,
        };
        root.RefuseOtherKeys();
        return tables;
    }

    /// <summary>Whether kinds of this group have places in the tables.</summary>
    public bool KnowsGroup(string group) => Resources.Any(row => row.Kind.Group == group);

    /// <summary>Whether this kind has places in the tables.</summary>
    public bool KnowsKind(string group, string kind) => Resources.Any(row => row.Kind.Matches(group, kind)) && !IsIgnored(group, kind);

    internal bool IsIgnored(string group, string kind) => Ignored.Any(row => row.Kind.Matches(group, kind));

    internal bool IsRegistry(string host) => Registries.Any(pattern => Wildcard.Matches(pattern, host, StringComparison.OrdinalIgnoreCase));

    internal bool IsNoRegistry(string host) => NoRegistries.Any(pattern => Wildcard.Matches(pattern, host, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a reference is known for something else than an image.</summary>
    internal bool IsArtifact(string reference) => Artifacts.Any(pattern => Wildcard.Matches(pattern, reference));

    /// <summary>Why what stands under this key is not pulled; null where it may be.</summary>
    internal Obstacle? MentionOf(string key) => Mentions.OfKey(key);

    /// <summary>Why what a resource names is not pulled; null where it may be.</summary>
    internal Obstacle? MentionOf(MappingNode mapping)
    {
        if (mapping.Text("apiVersion") is not { Length: > 0 } version || mapping.Text("kind") is not { Length: > 0 } kind)
        {
            return null;
        }

        var slash = version.IndexOf('/', StringComparison.Ordinal);
        var group = slash < 0 ? "" : version[..slash];
        return Ignored.FirstOrDefault(row => row.Kind.Matches(group, kind))?.Reason;
    }

    /// <summary>The same of resources within a text.</summary>
    internal Obstacle? MentionOf(ScalarNode text) =>
        text.Value.Contains("apiVersion:", StringComparison.Ordinal)
            ? Ignored.FirstOrDefault(row => text.Value.Contains($"apiVersion: {row.Kind.Group}/", StringComparison.Ordinal)
                && row.Kind.Kinds.Any(kind => kind == "*" || text.Value.Contains($"kind: {kind}", StringComparison.Ordinal)))?.Reason
            : null;

    internal bool IsEnvironment(string name) => Environment.Any(pattern => Wildcard.Matches(pattern, name));
}

/// <summary>A group of Kubernetes' API and kinds in it; <c>*</c> is any kind.</summary>
internal sealed record KindPattern(string Group, ImmutableArray<string> Kinds)
{
    public static KindPattern From(TableReader row) => new(row.Word("group"), row.Words("kinds"));

    public bool Matches(string group, string kind) => group == Group && (Kinds.Contains(kind) || Kinds.Contains("*"));
}

/// <summary>Resources that only name images.</summary>
internal sealed record IgnoredRow(KindPattern Kind, Obstacle Reason);

internal sealed record ResourceRow(KindPattern Kind, ImmutableArray<PlacePath> Places);

internal sealed record DocumentRow(string Name, ImmutableArray<string> Files, ImmutableArray<string> When, ImmutableArray<PlacePath> Places)
{
    /// <summary>Why what is named there stays, where it does.</summary>
    public Obstacle? Reason { get; init; }

    /// <summary>A pattern with a slash is compared with the end of the path, others with the name.</summary>
    public bool Matches(string path, MappingNode root) =>
        (Files.IsEmpty || Files.Any(pattern => Wildcard.Matches(
            pattern, pattern.Contains('/', StringComparison.Ordinal) ? "/" + path : Path.GetFileName(path), StringComparison.OrdinalIgnoreCase)))
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
