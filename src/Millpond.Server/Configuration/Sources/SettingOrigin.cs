namespace Millpond.Server.Configuration.Sources;

/// <summary>Where a value was written: a line of the file, an environment variable, or a flag.</summary>
internal readonly record struct SettingOrigin(string? File, int? Line, string Key)
{
    public static SettingOrigin Outside(string variableOrFlag) => new(null, null, variableOrFlag);

    /// <summary>How another mistake points here.</summary>
    public string Place => File is null ? Key : $"line {Line}";

    public ConfigurationMistake Mistake(string what, string remedy) => new(File, Line, Key, what, remedy);
}
