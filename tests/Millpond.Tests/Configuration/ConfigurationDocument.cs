using Millpond.Server.Configuration;

namespace Millpond.Tests.Configuration;

/// <summary><c>docs/configuration.md</c>: its example, and its table of keys as it must be.</summary>
internal static class ConfigurationDocument
{
    public static string Text => File.ReadAllText(FilePath());

    public static string FilePath()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Join(folder.FullName, "Millpond.slnx")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("The tests run outside the repository.");
        }

        return Path.Join(folder.FullName, "docs", "configuration.md");
    }

    /// <summary>The first block of YAML.</summary>
    public static string Example()
    {
        var block = Text.Split("```yaml\n")[1];
        return block[..block.IndexOf("```", StringComparison.Ordinal)];
    }

    public static string Table(KeyScope scope) => string.Concat(
        ConfigurationKeys.All.Where(k => k.Scope == scope).Select(k => $"| {Names(k)} | {k.TypeName} | {Default(k)} | {k.Effect}. |\n"));

    private static string Names(ConfigurationKey key) => key.Scope == KeyScope.RuleAndDefaults ? $"`{key.Name}`, `defaults.{key.Path}`" : $"`{key.Name}`";

    private static string Default(ConfigurationKey key) => key.IsDefaultAValue ? $"`{key.Default}`" : key.Default;
}
