using Millpond.Server.Configuration.Sources;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>A value that was given, wherever; the later source has replaced the earlier.</summary>
/// <param name="IsValid">Whether it could be read; if not, a mistake is already reported, and no second one may blame its absence.</param>
internal readonly record struct Setting(object? Value, SettingOrigin Origin, bool IsValid);

/// <summary>The values given in one section: the server's, the defaults', a rule's or a listener's.</summary>
internal sealed class Settings(SettingOrigin origin)
{
    private readonly Dictionary<ConfigurationKey, Setting> given = [];

    /// <summary>Where the section itself stands.</summary>
    public SettingOrigin Origin => origin;

    /// <summary>Reads and keeps a value; nothing written (<c>null</c>) leaves what an earlier source gave.</summary>
    public void Read(ConfigurationKey key, ConfigurationNode node, SettingOrigin at, List<ConfigurationMistake> mistakes)
    {
        if (node.Kind == NodeKind.Null)
        {
            return;
        }

        var before = mistakes.Count;
        var value = key.Read(node, (where, what, remedy) => mistakes.Add((at with { Line = where.Line ?? at.Line }).Mistake(what, remedy)));
        given[key] = new(value, at, mistakes.Count == before);
    }

    public void Set(ConfigurationKey key, object? value, SettingOrigin at) => given[key] = new(value, at, true);

    public void Remove(ConfigurationKey key) => given.Remove(key);

    public bool IsGiven(ConfigurationKey key) => given.ContainsKey(key);

    /// <summary>Whether a value was given that could be read.</summary>
    public bool IsValid(ConfigurationKey key) => given.TryGetValue(key, out var setting) && setting.IsValid;

    /// <summary>Where a key was given, or the section where it was not.</summary>
    public SettingOrigin OriginOf(ConfigurationKey key) =>
        given.TryGetValue(key, out var setting) ? setting.Origin : origin with { Key = $"{origin.Key}.{key.Path}".TrimStart('.') };

    /// <summary>
    /// The value given here, else in the fallback section, else the key's default. Of a list with a mistake the right entries are
    /// given, so that what is wrong with those is told at once as well; a single wrong value is the type's zero.
    /// </summary>
    public T Get<T>(ConfigurationKey<T> key, Settings? fallback = null) => (given.TryGetValue(key, out var setting), fallback) switch
    {
        (true, _) => (T)setting.Value!,
        (false, null) => key.DefaultValue,
        (false, { } section) => section.Get(key),
    };
}

/// <summary>Everything that was given, before rules and presets are put together.</summary>
internal sealed class Draft(string? file)
{
    public Settings Server { get; } = new(new(file, null, ""));

    public Settings Defaults { get; } = new(new(file, null, "defaults"));

    public List<Settings> Rules { get; } = [];

    public List<Settings> Listeners { get; } = [];

    /// <summary>Opt-in presets whose address a flag has replaced: nobody's account is needed there.</summary>
    public HashSet<Settings> AnonymousByFlag { get; } = [];

    public List<ConfigurationMistake> Mistakes { get; } = [];

    /// <summary>The first rule with that prefix, made where there is none.</summary>
    public Settings RuleFor(string prefix, SettingOrigin origin)
    {
        var rule = Rules.Find(r => r.Get(ConfigurationKeys.RulePrefix) == prefix);
        if (rule is null)
        {
            rule = new Settings(origin);
            rule.Set(ConfigurationKeys.RulePrefix, prefix, origin);
            Rules.Add(rule);
        }

        return rule;
    }
}
