using Millpond.Cli.Files;
using Millpond.Rewriting.Charts;

namespace Millpond.Cli.Charts;

/// <summary>Reads those files of a chart that say something of its images: its own, and those of its parts, packed or not.</summary>
internal sealed class ChartReader(string folder)
{
    private const int MaxFiles = 4_000;
    private const int MaxDepth = 16;
    private const long MaxLength = 1 << 20;
    private const long MaxTotal = 32 << 20;

    private readonly List<ChartFile> files = [];
    private long total;

    /// <exception cref="InvalidDataException">It is too much: what is left out could say something else.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public IReadOnlyList<ChartFile> Read()
    {
        Read(folder, "", 0);
        return files;
    }

    /// <summary>Whether a file says something, by its path in the chart: of its parts too.</summary>
    public static bool IsWanted(string path)
    {
        var within = path;
        while (within.StartsWith("charts/", StringComparison.Ordinal) && within.IndexOf('/', "charts/".Length) is > 0 and var end)
        {
            within = within[(end + 1)..];
        }

        return within is "Chart.yaml" or "requirements.yaml" or "values.yaml" or "values.yml" or "values.schema.json"
            || (within.StartsWith("templates/", StringComparison.Ordinal) && Path.GetExtension(within) is ".yaml" or ".yml" or ".tpl");
    }

    private void Read(string at, string prefix, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new InvalidDataException("too deep");
        }

        foreach (var entry in new DirectoryInfo(at).EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            var path = prefix + entry.Name;
            if (entry is DirectoryInfo inner)
            {
                if (inner.LinkTarget is null && (prefix.Length > 0 || entry.Name is "templates" or "charts"))
                {
                    Read(inner.FullName, path + "/", depth + 1);
                }
            }
            else if (IsRegular(entry.FullName))
            {
                ReadFile(entry.FullName, path);
            }
        }
    }

    // What leads out of the chart, or is no file, is none of it.
    private bool IsRegular(string path) => RealPath.IsInside(path, folder) && FileFacts.Of(path).Kind == FileKind.Regular;

    private void ReadFile(string file, string path)
    {
        if (path.StartsWith("charts/", StringComparison.Ordinal) && path.EndsWith(".tgz", StringComparison.Ordinal))
        {
            using var packed = InputFile.Open(file);
            foreach (var part in ChartPackage.Read(packed, MaxLength, MaxTotal - total, MaxFiles - files.Count))
            {
                Add(part with { Path = $"{path[..(path.LastIndexOf('/') + 1)]}{part.Path}" });
            }
        }
        else if (IsWanted(path))
        {
            using var input = InputFile.Open(file);
            if (input.Length > MaxLength)
            {
                throw new InvalidDataException("too long");
            }

            var bytes = new byte[input.Length];
            input.ReadExactly(bytes);
            Add(new ChartFile(path, bytes));
        }
    }

    private void Add(ChartFile file)
    {
        files.Add(file);
        total += file.Bytes.Length;
        if (files.Count > MaxFiles || total > MaxTotal)
        {
            throw new InvalidDataException("too much");
        }
    }
}
