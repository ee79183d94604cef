using Millpond.Server.Configuration.Sources;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration;

/// <summary>Where a key may stand.</summary>
public enum KeyScope
{
    TopLevel,

    /// <summary>In a rule only.</summary>
    Rule,

    /// <summary>In a rule, and under <c>defaults</c> for all rules.</summary>
    RuleAndDefaults,

    Listener,
}

/// <summary>A row of the table of keys.</summary>
/// <param name="path">Within its scope, such as <c>credential.file</c>.</param>
/// <param name="typeName">For the docs.</param>
/// <param name="defaultText">As one writes it in a variable, or words where no value could stand there.</param>
/// <param name="effect">What the key does, for the docs.</param>
public abstract class ConfigurationKey(KeyScope scope, string path, string typeName, string defaultText, string effect)
{
    public KeyScope Scope => scope;

    public string Path => path;

    /// <summary>As one finds it in the file, from the root.</summary>
    public string Name => scope switch
    {
        KeyScope.TopLevel => path,
        KeyScope.Rule or KeyScope.RuleAndDefaults => $"rules[].{path}",
        KeyScope.Listener => $"listeners[].{path}",
    };

    public string TypeName => typeName;

    public string Default => defaultText;

    /// <summary>Whether <see cref="Default"/> is a value, not words.</summary>
    public abstract bool IsDefaultAValue { get; }

    public string Effect => effect;

    /// <summary>The path as it ends a variable's name: <c>CREDENTIAL__FILE</c>.</summary>
    internal string VariablePath { get; } = path.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant();

    internal abstract object? Read(ConfigurationNode node, Complain complain);

    internal abstract ConfigurationNode FromText(string text);
}

/// <summary>A key whose value's type is known to the compiler.</summary>
internal sealed class ConfigurationKey<T> : ConfigurationKey
{
    private readonly KeyType<T> type;

    private ConfigurationKey(KeyScope scope, string path, KeyType<T> type, (string Text, T Value, bool IsWritten) whenAbsent, string effect)
        : base(scope, path, type.Name, whenAbsent.Text, effect)
    {
        this.type = type;
        DefaultValue = whenAbsent.Value;
        IsDefaultAValue = whenAbsent.IsWritten;
    }

    public override bool IsDefaultAValue { get; }

    public T DefaultValue { get; }

    /// <summary>A key with a default, which is read from the text that the docs show.</summary>
    public static ConfigurationKey<T> WithDefault(KeyScope scope, string path, KeyType<T> type, string defaultText, string effect)
    {
        var value = type.Read(type.FromText(defaultText), (_, what, _) => throw new InvalidOperationException($"The default of {path} is wrong: {what}."));
        return new(scope, path, type, (defaultText, value, true), effect);
    }

    /// <summary>A key that may be absent.</summary>
    public static ConfigurationKey<T> Optional(KeyScope scope, string path, KeyType<T> type, string absentText, string effect) =>
        new(scope, path, type, (absentText, type.None, false), effect);

    internal override object? Read(ConfigurationNode node, Complain complain) => type.Read(node, complain);

    internal override ConfigurationNode FromText(string text) => type.FromText(text);
}
