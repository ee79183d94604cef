using System.Collections.Immutable;

namespace Millpond.Server.Configuration.Sources;

internal enum NodeKind
{
    /// <summary>Nothing, <c>~</c> or <c>null</c>: the same as not written.</summary>
    Null,
    Scalar,
    List,
    Map,
}

/// <summary>A value as written, before its type is known: from the file with its line, or made of a variable's or flag's text.</summary>
internal sealed record ConfigurationNode(NodeKind Kind, int? Line)
{
    public string Text { get; init; } = "";

    public ImmutableArray<ConfigurationNode> Items { get; init; } = [];

    public ImmutableArray<NodeEntry> Entries { get; init; } = [];

    /// <summary>For messages: what stands there, without its content.</summary>
    public string KindText => Kind switch
    {
        NodeKind.Null => "nothing",
        NodeKind.Scalar => "a single value",
        NodeKind.List => "a list",
        NodeKind.Map => "a mapping",
    };

    public static ConfigurationNode Scalar(string text, int? line = null) => new(NodeKind.Scalar, line) { Text = text };

    public static ConfigurationNode List(IEnumerable<string> texts) => new(NodeKind.List, null) { Items = [.. texts.Select(t => Scalar(t))] };
}

internal readonly record struct NodeEntry(string Key, int? Line, ConfigurationNode Value);
