namespace Millpond.Server.Configuration;

/// <summary>Flags, environment, file, presets and defaults become one immutable value, or every mistake at once.</summary>
public static class ConfigurationReader
{
    /// <param name="file">The file of <c>--config</c>; null for none.</param>
    /// <param name="environment">The whole environment: other programs' variables are left alone.</param>
    /// <param name="flags">The flags as given; <c>--config</c> among them is passed over.</param>
    public static ConfigurationResult Read(string? file, IReadOnlyDictionary<string, string> environment, IReadOnlyList<FlagValue> flags)
    {
        var draft = new Draft(file);

        // 1. From the weakest source to the strongest: each replaces what the one before has set.
        if (file is not null)
        {
            new FileSource(file, draft).Read();
        }

        var flagged = new FlagSource(flags, draft);
        flagged.MakeRules();
        new EnvironmentSource(environment, draft).Read();
        flagged.Read();

        // 2. Presets and defaults fill in the rest; what holds across keys is checked on what holds in the end.
        var configuration = new ServerAssembly(draft, environment).Assemble();

        // 3. All mistakes in the order one meets them: through the file, then outside of it.
        return draft.Mistakes.Count == 0
            ? new(configuration, [])
            : new(null, [.. draft.Mistakes.Distinct().OrderBy(m => m.File is null).ThenBy(m => m.Line ?? int.MaxValue)]);
    }
}
