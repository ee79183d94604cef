using System.Text.Json.Nodes;
using Millpond.Tests.Admission;

namespace Millpond.Tests.Clients;

/// <summary>The generated policy, evaluated by a real CEL library.</summary>
[Trait("Category", "Clients")]
public sealed class PolicyEvaluationTests : PolicyCases
{
    protected override async Task<JsonArray> EvaluateAsync(JsonArray conditions, JsonArray variables, string mutation, JsonArray requests)
    {
        using var node = new ClientProgram("node-with-cel");
        var input = new JsonObject { ["conditions"] = conditions, ["variables"] = variables, ["mutation"] = mutation, ["requests"] = requests };
        var answer = (await node.RunWithInputAsync(input.ToJsonString(), Path.Join(RequireClient.Repository, "tests/tools/evaluate-policy.cjs"))).ShouldSucceed();
        return JsonNode.Parse(answer.Output)!.AsArray();
    }
}
