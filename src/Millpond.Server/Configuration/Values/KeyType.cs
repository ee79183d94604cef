using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Millpond.Server.Configuration.Sources;

namespace Millpond.Server.Configuration.Values;

/// <summary>Reports that what is written at a node is wrong.</summary>
internal delegate void Complain(ConfigurationNode at, string what, string remedy);

/// <summary>A value, or what is wrong with its text. A missing remedy means the type's own.</summary>
internal readonly record struct Parsed<T>(T? Value, string? What = null, string? Remedy = null)
{
    public static implicit operator Parsed<T>(T value) => new(value);

    public static Parsed<T> Wrong(string what, string? remedy = null) => new(default, what, remedy);
}

/// <summary>The type of a key: its name for the docs, how a node is read, and how a variable's or flag's text becomes a node.</summary>
/// <param name="none">The value of an optional key that is nowhere given.</param>
internal sealed class KeyType<T>(
    string name, T none, Func<ConfigurationNode, Complain, T> read, Func<string, ConfigurationNode>? fromText = null)
{
    public string Name => name;

    public T None => none;

    public T Read(ConfigurationNode node, Complain complain) => read(node, complain);

    public ConfigurationNode FromText(string text) => fromText is null ? KeyType.ScalarNode(text) : fromText(text);
}

/// <summary>The ways types are made.</summary>
internal static partial class KeyType
{
    /// <summary>Longer than any key there is, and shorter than most tokens.</summary>
    private const int LongestName = 40;

    /// <summary>A type with one text for one value, for keys that have a default.</summary>
    public static KeyType<T> Scalar<T>(string name, string remedy, Func<string, Parsed<T>> parse)
        where T : struct => new(name, default, (node, complain) => ReadScalar(node, complain, name, remedy, parse));

    /// <summary>A type with one text for one value, for keys that may be absent.</summary>
    public static KeyType<T?> Optional<T>(string name, string remedy, Func<string, Parsed<T>> parse)
        where T : class => new(name, null, (node, complain) => ReadScalar(node, complain, name, remedy, parse));

    public static KeyType<T> Choice<T>(params (string Word, T Value)[] choices)
        where T : struct
    {
        var words = string.Join(" or ", choices.Select(c => $"`{c.Word}`"));
        return Scalar<T>(words, $"Write {words}", text =>
        {
            var found = Array.FindIndex(choices, c => string.Equals(c.Word, text, StringComparison.OrdinalIgnoreCase));
            return found >= 0 ? choices[found].Value : Parsed<T>.Wrong($"{Quote(text)} is none of the choices");
        });
    }

    /// <summary>A choice for a key that may be absent.</summary>
    public static KeyType<T?> OptionalChoice<T>(params (string Word, T Value)[] choices)
        where T : struct
    {
        var choice = Choice(choices);
        return new(choice.Name, null, (node, complain) => choice.Read(node, complain), choice.FromText);
    }

    /// <summary>A list; one value alone is a list of one, and in a variable the values are separated by commas.</summary>
    public static KeyType<ImmutableArray<T>> List<T>(string name, string remedy, Func<string, Parsed<T>> parse, string? plural = null) =>
        new(
            plural ?? $"list of {name}s",
            [],
            (node, complain) =>
            {
                ImmutableArray<ConfigurationNode> items = node.Kind == NodeKind.List ? node.Items : [node];
                return [.. items.Select(item => ReadScalar(item, complain, name, remedy, parse)).OfType<T>()];
            },
            text => ConfigurationNode.List(SplitCommas(text)));

    public static ConfigurationNode ScalarNode(string text) =>
        string.IsNullOrWhiteSpace(text) ? new(NodeKind.Null, null) : ConfigurationNode.Scalar(text.Trim());

    public static string[] SplitCommas(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public static T? ReadScalar<T>(ConfigurationNode node, Complain complain, string name, string remedy, Func<string, Parsed<T>> parse)
    {
        if (node.Kind != NodeKind.Scalar)
        {
            complain(node, $"{node.KindText} stands where one {name} is expected", remedy);
            return default;
        }

        var parsed = parse(node.Text);
        if (parsed.What is not null)
        {
            complain(node, parsed.What, parsed.Remedy ?? remedy);
        }

        return parsed.Value;
    }

    // Something with a colon and no port behind it: user and password with the @ mistyped.
    private static bool MayHoldUserInfo(string text)
    {
        var start = text.IndexOf("//", StringComparison.Ordinal);
        var authority = text[(start < 0 ? 0 : start + 2)..].Split('/', ',')[0];
        var colon = authority.IndexOf(':', StringComparison.Ordinal);
        return colon >= 0 && !authority.StartsWith('[') && authority.AsSpan(colon + 1).Trim().ContainsAnyExceptInRange('0', '9');
    }

    /// <summary>A written value in a message: short, on one line, and without what may be a password.</summary>
    public static string Quote(string text)
    {
        if (text.Contains('@') || MayHoldPassword().IsMatch(text) || MayHoldUserInfo(text))
        {
            return "the value";
        }

        return QuoteLine(text);
    }

    /// <summary>A written name in a message, where it reads as one: what lost its colon, or its place, may be a secret and its name in one.</summary>
    public static string Name(string text) => text.Length <= LongestName && WordCharacters().IsMatch(text) ? text : "…";

    private static string QuoteLine(string text)
    {
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length > 80 ? $"'{line[..80]}…'" : $"'{line}'";
    }

    /// <summary>A URL whose host is followed by more than a port: its user and password, had the @ not been forgotten.</summary>
    [GeneratedRegex("//[^/]*:[0-9]*[^0-9/]")]
    private static partial Regex MayHoldPassword();

    [GeneratedRegex("^[A-Za-z0-9_.<-]*$")]
    private static partial Regex WordCharacters();
}
