using System.Globalization;
using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>What an API server does with a JSON patch (RFC 6902): add, replace and test, in order, and all or nothing.</summary>
internal static class JsonPatch
{
    public static JsonNode Apply(JsonNode document, JsonArray patch)
    {
        var result = document.DeepClone();
        foreach (var operation in patch)
        {
            Apply(result, (string)operation!["op"]!, Steps((string)operation["path"]!), operation["value"]);
        }

        return result;
    }

    private static string[] Steps(string pointer)
    {
        Assert.StartsWith("/", pointer, StringComparison.Ordinal);
        return [.. pointer[1..].Split('/').Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
    }

    private static void Apply(JsonNode document, string operation, string[] steps, JsonNode? value)
    {
        var parent = steps[..^1].Aggregate(document, (node, step) => Child(node, step) ?? throw new InvalidOperationException($"There is no {step}."));
        switch (operation)
        {
            case "test":
                Assert.True(JsonNode.DeepEquals(value, Child(parent, steps[^1])), $"test of {string.Join('/', steps)} failed");
                break;
            case "replace":
                Assert.NotNull(Child(parent, steps[^1]));
                Set(parent, steps[^1], value);
                break;
            case "add":
                Set(parent.AsObject(), steps[^1], value);
                break;
            default:
                Assert.Fail($"unexpected operation {operation}");
                break;
        }
    }

    private static JsonNode? Child(JsonNode node, string step) => node is JsonArray list ? list[int.Parse(step, CultureInfo.InvariantCulture)] : node[step];

    private static void Set(JsonNode parent, string step, JsonNode? value)
    {
        if (parent is JsonArray list)
        {
            list[int.Parse(step, CultureInfo.InvariantCulture)] = value?.DeepClone();
        }
        else
        {
            parent[step] = value?.DeepClone();
        }
    }
}
