using System.Collections.Immutable;
using Millpond.Server.Configuration.Values;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Millpond.Server.Configuration.Sources;

/// <summary>
/// Reads one YAML document into nodes that know their lines. It walks the parser's events rather than a ready-made tree, so that
/// duplicate keys are mistakes beside all others, and a hostile depth ends in a mistake instead of a stack overflow.
/// </summary>
internal sealed class YamlTree
{
    /// <summary>The deepest real configuration has six levels.</summary>
    private const int MaxDepth = 32;

    private readonly Dictionary<string, ConfigurationNode> anchors = new(StringComparer.Ordinal);
    private readonly string file;
    private readonly List<ConfigurationMistake> mistakes;
    private readonly Parser parser;

    private YamlTree(string file, TextReader text, List<ConfigurationMistake> mistakes)
    {
        this.file = file;
        this.mistakes = mistakes;
        parser = new Parser(text);
    }

    /// <summary>The document's root, or null where the text is no YAML (a mistake has been added).</summary>
    public static ConfigurationNode? Read(string file, string text, List<ConfigurationMistake> mistakes)
    {
        using var reader = new StringReader(text);
        var tree = new YamlTree(file, reader, mistakes);
        try
        {
            return tree.Document();
        }
        catch (YamlException wrong)
        {
            // At the end of the text the parser says the line after it.
            var line = Math.Clamp((int)wrong.Start.Line, 1, text.AsSpan().TrimEnd().Count('\n') + 1);
            mistakes.Add(new(file, line, "", $"This is not YAML: {OneLine(wrong.Message)}", "Mend the line or the one above it"));
            return null;
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or ArgumentException or FormatException or IndexOutOfRangeException)
        {
            // The parser does not say all of its mistakes in its own type of exception.
            var line = tree.parser.Current is { } last ? LineOf(last) : 1;
            mistakes.Add(new(file, line, "", $"This is not YAML after line {line}", "Mend that line or the next"));
            return null;
        }
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").Trim().TrimEnd('.');

    private static int LineOf(ParsingEvent node) => Math.Max(1, (int)node.Start.Line);

    private static bool IsNull(YamlDotNet.Core.Events.Scalar scalar) =>
        scalar.Style is ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";

    private ConfigurationNode Document()
    {
        parser.Consume<StreamStart>();
        if (parser.TryConsume<StreamEnd>(out _))
        {
            return new(NodeKind.Null, 1);
        }

        parser.Consume<DocumentStart>();
        var root = Node(0);
        parser.Consume<DocumentEnd>();
        if (parser.Accept<DocumentStart>(out var second))
        {
            mistakes.Add(new(file, LineOf(second), "", "A second YAML document begins here", "Keep one document, without '---' in between"));
        }

        return root;
    }

    private ConfigurationNode Node(int depth)
    {
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            return anchors.TryGetValue(alias.Value.Value, out var known)
                ? known with { Line = LineOf(alias) }
                : throw new SemanticErrorException(alias.Start, alias.End, "an alias (a word that begins with *) names no finished anchor; quote what is to begin with *");
        }

        var start = parser.Consume<NodeEvent>();
        if (depth > MaxDepth)
        {
            throw new SemanticErrorException(start.Start, start.End, "it is nested too deeply");
        }

        var node = start switch
        {
            YamlDotNet.Core.Events.Scalar scalar when IsNull(scalar) => new ConfigurationNode(NodeKind.Null, LineOf(scalar)),
            YamlDotNet.Core.Events.Scalar scalar => ConfigurationNode.Scalar(scalar.Value, LineOf(scalar)),
            SequenceStart list => Items(LineOf(list), depth),
            MappingStart map => Entries(LineOf(map), depth),
            _ => throw new SemanticErrorException(start.Start, start.End, "a value was expected"),
        };
        if (!start.Anchor.IsEmpty)
        {
            anchors[start.Anchor.Value] = node;
        }

        return node;
    }

    private ConfigurationNode Items(int line, int depth)
    {
        var items = ImmutableArray.CreateBuilder<ConfigurationNode>();
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(Node(depth + 1));
        }

        return new(NodeKind.List, line) { Items = items.ToImmutable() };
    }

    private ConfigurationNode Entries(int line, int depth)
    {
        var entries = ImmutableArray.CreateBuilder<NodeEntry>();
        var lines = new Dictionary<string, int?>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Node(depth + 1);
            var value = Node(depth + 1);
            if (key.Kind is NodeKind.List or NodeKind.Map)
            {
                mistakes.Add(new(file, key.Line, "", $"{key.KindText} stands where a key is expected", "Write a word and a colon"));
            }
            else if (!lines.TryAdd(key.Text, key.Line))
            {
                mistakes.Add(new(file, key.Line, KeyType.Name(key.Text), $"The key is written twice (first on line {lines[key.Text]})", "Keep one of them"));
            }
            else
            {
                entries.Add(new(key.Text, key.Line, value));
            }
        }

        return new(NodeKind.Map, line) { Entries = entries.ToImmutable() };
    }
}
