using System.Collections.Immutable;
using System.Text;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Charts;

/// <summary>
/// What a chart's files say of registries that values leave open: the defaults of its templates, of its schema, and of the values of its
/// parts. Only what they say in so many words counts; where they say two things nothing is known.
/// </summary>
public sealed class Chart
{
    private const int MaxParts = 4;
    private const string PartsFolder = "charts/";

    private readonly ChartDefaults values;
    private readonly ChartDefaults schema;
    private readonly Compositions? compositions;
    private readonly Dictionary<string, Chart> parts = new(StringComparer.Ordinal);
    private readonly HashSet<string> missing;

    private Chart(IReadOnlyList<ChartFile> files, Dictionary<string, List<TemplateStep>> defines, int depth)
    {
        values = ChartDefaults.OfValues(Root(Find(files, "values.yaml") ?? Find(files, "values.yml")));
        schema = ChartDefaults.OfSchema(Root(Find(files, "values.schema.json")));
        var templates = files.Where(file => file.Path.StartsWith("templates/", StringComparison.Ordinal)).Select(file => TemplateBody.Read(Utf8(file), defines)).ToList();
        var dependencies = Dependencies(files);
        foreach (var (folder, within) in depth < MaxParts ? Parts(files) : [])
        {
            var part = new Chart(within, defines, depth + 1);
            var name = (Root(Find(within, "Chart.yaml")) as MappingNode)?.Text("name") ?? folder;
            // By what the chart around calls it, else by its own name.
            var keys = dependencies.Where(dependency => dependency.Name == name).Select(dependency => dependency.Key).DefaultIfEmpty(name);
            foreach (var key in keys)
            {
                parts[key] = part;
            }
        }

        missing = [.. dependencies.Select(dependency => dependency.Key).Except(parts.Keys)];
        compositions = TemplateRun.Of(templates, defines);
    }

    /// <param name="files">Its files, those of its parts among them (<c>charts/NAME/…</c>).</param>
    public static Chart Read(IReadOnlyList<ChartFile> files) => new(files, new(StringComparer.Ordinal), 0);

    /// <summary>What is put before a repository.</summary>
    /// <param name="file">Values for the chart.</param>
    /// <param name="repository">Where they have the repository.</param>
    /// <param name="keys">What the key of a registry may be called.</param>
    internal ChartRegistry RegistryOf(MappingNode file, ValuesPath repository, ImmutableArray<string> keys) =>
        RegistryOf(new ValuesLookup(file, values, null, ""), repository, keys);

    private ChartRegistry RegistryOf(ValuesLookup lookup, ValuesPath repository, ImmutableArray<string> keys)
    {
        if (repository.Keys.Length > 2 && parts.TryGetValue(repository.Keys[0], out var part))
        {
            return part.RegistryOf(lookup.Of(repository.Keys[0], part.values), repository.From(1), keys);
        }

        if (missing.Contains(repository.Keys[0]))
        {
            return ChartRegistry.NotAtHand;
        }

        var image = new ValuesPath(repository.Keys[..^1]);
        var said = new Answers(lookup, image);
        foreach (var (registry, stars) in compositions?.Of(new(["Values", .. repository.Keys])) ?? [])
        {
            said.Add(registry, stars);
        }

        return said.Conclude(keys.Select(key => (key, schema.Find(image.At(key)))).FirstOrDefault(pair => pair.Item2 is { Length: > 0 }), keys);
    }

    private static List<(string Name, string Key)> Dependencies(IReadOnlyList<ChartFile> files)
    {
        var list = (Root(Find(files, "Chart.yaml") ?? Find(files, "requirements.yaml")) as MappingNode)?.Find("dependencies") as SequenceNode;
        var dependencies = new List<(string, string)>();
        foreach (var item in list?.Items ?? [])
        {
            if (item.Resolve() is MappingNode dependency && dependency.Text("name") is { Length: > 0 } name)
            {
                dependencies.Add((name, dependency.Text("alias") is { Length: > 0 } alias ? alias : name));
            }
        }

        return dependencies;
    }

    private static IEnumerable<(string Name, List<ChartFile> Files)> Parts(IReadOnlyList<ChartFile> files) => files
        .Where(file => file.Path.StartsWith(PartsFolder, StringComparison.Ordinal) && file.Path.IndexOf('/', PartsFolder.Length) > 0)
        .GroupBy(file => file.Path[PartsFolder.Length..file.Path.IndexOf('/', PartsFolder.Length)], StringComparer.Ordinal)
        .Select(group => (group.Key, group.Select(file => file with { Path = file.Path[(PartsFolder.Length + group.Key.Length + 1)..] }).ToList()));

    private static ChartFile? Find(IEnumerable<ChartFile> files, string path) => files.FirstOrDefault(file => file.Path == path);

    private static Node? Root(ChartFile? file)
    {
        var roots = new List<Node>();
        return file is null ? null
            : (FileFormats.ByName(file.Path) == FileFormat.Json && JsonNodes.TryRead(Layer.Of(file.Bytes), roots, out _)) || YamlNodes.TryRead(Layer.Of(file.Bytes), roots, out _)
                ? roots.FirstOrDefault()
                : null;
    }

    private static string Utf8(ChartFile file) => Encoding.UTF8.GetString(file.Bytes.Span);
}
