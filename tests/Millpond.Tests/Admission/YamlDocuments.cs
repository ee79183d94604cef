using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Millpond.Tests.Admission;

/// <summary>YAML as JSON, for looking at.</summary>
internal static class YamlDocuments
{
    public static JsonObject[] Read(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(document => Convert(document.RootNode)).OfType<JsonObject>()];
    }

    public static JsonObject One(string text) => Assert.Single(Read(text));

    /// <summary>Every key with its place, lists without numbers: <c>webhooks[].rules[].operations[]</c>.</summary>
    public static IEnumerable<string> Keys(JsonNode? node, string at = "") => node switch
    {
        JsonObject map => map.SelectMany(entry => Keys(entry.Value, at.Length == 0 ? entry.Key : $"{at}.{entry.Key}")),
        JsonArray list => list.SelectMany(item => Keys(item, $"{at}[]")),
        _ => [at],
    };

    private static JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Select(entry => KeyValuePair.Create(((YamlScalarNode)entry.Key).Value!, Convert(entry.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Select(Convert)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "true" or "false" } flag => JsonValue.Create(flag.Value == "true"),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "" or "~" or "null" } => null,
        YamlScalarNode { Style: ScalarStyle.Plain } plain when long.TryParse(plain.Value, out var number) => JsonValue.Create(number),
        YamlScalarNode scalar => JsonValue.Create(scalar.Value),
        _ => throw new NotSupportedException($"{node.NodeType}"),
    };
}
