using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>The generated policy by what its expressions say.</summary>
public sealed class PolicyTests : PolicyCases
{
    protected override Task<JsonArray> EvaluateAsync(JsonArray conditions, JsonArray variables, string mutation, JsonArray requests)
    {
        var wanted = conditions.Select(condition => CelExpression.Parse((string)condition!)).ToArray();
        var steps = variables.Select(variable => ((string)variable!["name"]!, CelExpression.Parse((string)variable["expression"]!))).ToArray();
        var result = CelExpression.Parse(mutation);
        return Task.FromResult(new JsonArray([.. requests.Select(request => Mutate(request!.AsObject()))]));

        JsonNode? Mutate(JsonObject request)
        {
            var known = new Dictionary<string, object?>();
            var bindings = new Dictionary<string, object?>
            {
                ["object"] = Plain(request["object"]),
                ["oldObject"] = Plain(request["oldObject"]),
                ["request"] = new Dictionary<string, object?> { ["operation"] = (string?)request["operation"] },
                ["variables"] = known,
            };
            if (!Array.TrueForAll(wanted, condition => condition.Evaluate(bindings) is true))
            {
                return null;
            }

            foreach (var (name, expression) in steps)
            {
                known[name] = expression.Evaluate(bindings);
            }

            return Json(result.Evaluate(bindings));
        }
    }

    private static object? Plain(JsonNode? node) => node switch
    {
        JsonObject map => map.ToDictionary(entry => entry.Key, entry => Plain(entry.Value)),
        JsonArray list => list.Select(Plain).ToList(),
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
        JsonValue value when value.TryGetValue<long>(out var number) => number,
        _ => null,
    };

    private static JsonNode? Json(object? value) => value switch
    {
        Dictionary<string, object?> map => new JsonObject(map.Select(entry => KeyValuePair.Create(entry.Key, Json(entry.Value)))),
        List<object?> list => new JsonArray([.. list.Select(Json)]),
        string text => JsonValue.Create(text),
        null => null,
        _ => throw new NotSupportedException($"{value.GetType()} is no part of an object"),
    };
}
