using System.Collections.Immutable;
using Millpond.Server.Configuration.Sources;

namespace Millpond.Server.Configuration.Values;

/// <summary>Which children of an index are fetched in the background: one word, or a list of platforms.</summary>
internal static class CompletionType
{
    private const string Name = "`none`, `all` or list of platforms";
    private const string Remedy = "Write none, all, or platforms such as [linux/amd64, linux/arm64]";

    public static KeyType<IndexCompletion> Instance { get; } = new(Name, IndexCompletion.None, Read, FromText);

    private static IndexCompletion Read(ConfigurationNode node, Complain complain) => node switch
    {
        // YAML 1.1 tools write "off" and "false" for none.
        { Kind: NodeKind.Scalar, Text: "none" or "off" or "false" } => IndexCompletion.None,
        { Kind: NodeKind.Scalar, Text: "all" } => IndexCompletion.Everything,
        { Kind: NodeKind.List, Items: var items } => Platforms(items, complain),
        _ => Platforms([node], complain),
    };

    private static IndexCompletion Platforms(ImmutableArray<ConfigurationNode> items, Complain complain) =>
        new(false, [.. items.Select(item => KeyType.ReadScalar(item, complain, "platform", Remedy, ParsePlatform)).OfType<string>()]);

    private static Parsed<string> ParsePlatform(string text)
    {
        var parts = text.Split('/');
        return parts.Length is 2 or 3 && parts.All(p => p.Length > 0 && p.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-'))
            ? text
            : Parsed<string>.Wrong($"{KeyType.Quote(text)} is no platform");
    }

    private static ConfigurationNode FromText(string text) =>
        KeyType.SplitCommas(text) is [var single] ? ConfigurationNode.Scalar(single) : ConfigurationNode.List(KeyType.SplitCommas(text));
}
