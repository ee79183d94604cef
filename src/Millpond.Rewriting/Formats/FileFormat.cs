using System.Text;

namespace Millpond.Rewriting.Formats;

/// <summary>How a file is read.</summary>
public enum FileFormat
{
    Yaml,
    Json,
    Hcl,
    Dockerfile,

    /// <summary>TOML, Bicep, Starlark, units of Podman, lines of variables: looked through for references that name their registry.</summary>
    Lines,
}

/// <summary>Tells a file's format from its name, and from its first bytes where the name says nothing.</summary>
public static class FileFormats
{
    private static readonly string[] HclWords = ["resource", "module", "locals", "variable", "provider", "terraform", "data", "output"];

    /// <summary>The format by the file's name; null where the name does not tell.</summary>
    public static FileFormat? ByName(string path)
    {
        var name = Path.GetFileName(path);
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".yaml" or ".yml" or ".tpl" or ".gotmpl" => FileFormat.Yaml,
            ".json" or ".json5" or ".jsonc" => FileFormat.Json,
            ".tf" or ".tfvars" or ".hcl" or ".nomad" => FileFormat.Hcl,
            ".toml" or ".bicep" or ".bicepparam" or ".env" or ".container" => FileFormat.Lines,
            ".dockerfile" or ".containerfile" => FileFormat.Dockerfile,
            _ when IsDockerfile(name) => FileFormat.Dockerfile,
            _ when name is "Tiltfile" => FileFormat.Lines,
            _ => null,
        };
    }

    /// <summary>The format by name or else by content.</summary>
    public static FileFormat Of(string path, ReadOnlySpan<byte> start) => ByName(path) ?? ByContent(start);

    private static bool IsDockerfile(string name) =>
        name is "Dockerfile" or "Containerfile"
        || name.StartsWith("Dockerfile.", StringComparison.Ordinal)
        || name.StartsWith("Containerfile.", StringComparison.Ordinal);

    private static FileFormat ByContent(ReadOnlySpan<byte> start)
    {
        var text = Encoding.Latin1.GetString(start[..Math.Min(start.Length, 4096)]);
        foreach (var line in text.Split('\n').Select(line => line.Trim('\uFEFF', '\u00EF', '\u00BB', '\u00BF', ' ', '\t', '\r')))
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var word = line[..(line.AsSpan().IndexOfAny(' ', '\t') is > 0 and var end ? end : line.Length)];
            return line[0] is '{' or '[' ? FileFormat.Json
                : word is "FROM" or "ARG" or "from" ? FileFormat.Dockerfile
                : HclWords.Contains(word) && line.EndsWith('{') ? FileFormat.Hcl
                : FileFormat.Yaml;
        }

        return FileFormat.Yaml;
    }
}
