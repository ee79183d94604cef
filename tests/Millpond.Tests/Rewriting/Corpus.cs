using System.Text;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Rewriting;

/// <summary>The corpus of real manifests, which lies beside the repository and is not part of it.</summary>
internal static class Corpus
{
    public const string Registry = "cache.example.com";

    private static readonly string Folder = Path.GetFullPath(Path.Join(SourceTree.Top, "../shared/corpus"));

    public static ReferenceChanges ToCache { get; } = ReferenceChanges.Rewriting(Rules(), RegistryAddress.Parse(Registry));

    public static ReferenceChanges FromCache { get; } = ReferenceChanges.Restoring(Rules());

    public static void SkipWhereAbsent()
    {
        if (!Directory.Exists(Folder))
        {
            Assert.Skip("The corpus is not beside the repository (../shared/corpus).");
        }
    }

    public static string[] Files() =>
    [
        .. Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Folder, path))
            .Where(path => path.Contains('/', StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static byte[] Read(string file) => File.ReadAllBytes(Path.Join(Folder, file));

    /// <summary>A table's rows, each as its columns by name.</summary>
    public static List<Dictionary<string, string>> Table(string name)
    {
        var lines = File.ReadAllLines(Path.Join(Folder, name));
        var columns = lines[0].Split('\t');
        return [.. lines.Skip(1).Where(line => line.Length > 0).Select(line =>
        {
            var cells = line.Split('\t');
            return columns.Select((column, i) => (column, cell: i < cells.Length ? cells[i] : "")).ToDictionary(pair => pair.column, pair => pair.cell);
        })];
    }

    /// <summary>A reference without tag and digest.</summary>
    public static string Name(string reference)
    {
        var at = reference.IndexOf('@', StringComparison.Ordinal);
        var name = at < 0 ? reference : reference[..at];
        var colon = name.LastIndexOf(':');
        return colon > name.LastIndexOf('/') ? name[..colon] : name;
    }

    public static (FileReport Report, byte[] Output) Rewrite(string file, byte[] content, ReferenceChanges? changes = null, int? longLength = null)
    {
        using var output = new MemoryStream();
        var rewriter = longLength is { } length
            ? new FileRewriter(PlaceTables.Default, changes ?? ToCache, length)
            : new FileRewriter(PlaceTables.Default, changes ?? ToCache);
        var report = rewriter.Rewrite(file, new MemoryStream(content), output);
        return (report, output.ToArray());
    }

    public static (FileReport Report, string Output) Rewrite(string file, string content, ReferenceChanges? changes = null)
    {
        var (report, output) = Rewrite(file, Encoding.UTF8.GetBytes(content), changes);
        return (report, Encoding.UTF8.GetString(output));
    }

    public static RewriteRules Rules() => new(
        RegistryAddress.Parse(Registry),
        [
            new(new("quay", "quay.io") { Tier = Tier.Default }),
            new(new("k8s", "registry.k8s.io") { Tier = Tier.Default }),
            new(new("docker-hub", "docker.io") { Tier = Tier.OptIn }),
            new(new("ghcr", "ghcr.io") { Tier = Tier.OptIn }),
            new(new("gitlab", "registry.gitlab.com") { Tier = Tier.OptIn }),
        ]);
}
