using System.Text.Json;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>What is asked of a lifecycle policy's text before it is kept; the grammar of its rules is the lifecycle's own.</summary>
internal static class LifecycleText
{
    /// <exception cref="AwsErrorException">It is no object with rules.</exception>
    public static void Check(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Invalid("Could not map policyString into LifecyclePolicy.");
            }

            if (!json.RootElement.TryGetProperty("rules", out var rules))
            {
                throw Invalid("object has missing required properties ([\"rules\"])");
            }

            if (rules.ValueKind != JsonValueKind.Array)
            {
                throw Invalid($"instance type ({rules.ValueKind.ToString().ToLowerInvariant()}) does not match any allowed primitive type (allowed: [\"array\"])");
            }
        }
        catch (JsonException)
        {
            throw Invalid("Could not map policyString into LifecyclePolicy.");
        }
    }

    private static AwsErrorException Invalid(string detail) => new(AwsError.InvalidParameter(
        $"Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: {detail}'"));
}
