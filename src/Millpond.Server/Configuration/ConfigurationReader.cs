using System.Collections.Immutable;
using Millpond.Server.Configuration.Assembling;
using Millpond.Server.Configuration.Sources;

namespace Millpond.Server.Configuration;

/// <summary>Flags, environment, file, presets and defaults become one immutable value, or every mistake at once.</summary>
public static class ConfigurationReader
{
    /// <summary>
    /// The data folder alone, for verbs that look into it beside a running server: what else the configuration says is not theirs to
    /// judge, and in a container half of it stands in files and variables that were given to the server only.
    /// </summary>
    /// <param name="mistakes">What kept it from being read; empty where it was.</param>
    public static string? ReadDataFolder(
        string? file, IReadOnlyDictionary<string, string> environment, IReadOnlyList<FlagValue> flags, out ImmutableArray<ConfigurationMistake> mistakes)
    {
        var result = ReadDraft(file, environment, flags);
        mistakes = [.. result.Mistakes.Where(mistake => mistake.Key.Length == 0 || IsAboutData(mistake.Key))];
        return mistakes.IsEmpty ? result.Server.Get(ConfigurationKeys.Data) : null;
    }

    /// <param name="file">The file of <c>--config</c>; null for none.</param>
    /// <param name="environment">The whole environment: other programs' variables are left alone.</param>
    /// <param name="flags">The flags as given; <c>--config</c> among them is passed over.</param>
    public static ConfigurationResult Read(string? file, IReadOnlyDictionary<string, string> environment, IReadOnlyList<FlagValue> flags)
    {
        var draft = ReadDraft(file, environment, flags);

        // Presets and defaults fill in the rest; what holds across keys is checked on what holds in the end.
        var configuration = new ServerAssembly(draft, environment).Assemble();

        // All mistakes in the order one meets them: through the file, then outside of it.
        return draft.Mistakes.Count == 0
            ? new(configuration, [])
            : new(null, [.. draft.Mistakes.Distinct().OrderBy(m => m.File is null).ThenBy(m => m.Line ?? int.MaxValue)]);
    }

    private static bool IsAboutData(string key) =>
        key == ConfigurationKeys.Data.Path || key == "--data" || key.Equals(EnvironmentSource.Prefix + ConfigurationKeys.Data.VariablePath, StringComparison.OrdinalIgnoreCase);

    /// <summary>From the weakest source to the strongest: each replaces what the one before has set.</summary>
    private static Draft ReadDraft(string? file, IReadOnlyDictionary<string, string> environment, IReadOnlyList<FlagValue> flags)
    {
        var draft = new Draft(file);

        if (file is not null)
        {
            new FileSource(file, draft).Read();
        }

        var flagged = new FlagSource(flags, draft);
        flagged.MakeRules();
        new EnvironmentSource(environment, draft).Read();
        flagged.Read();
        return draft;
    }
}
