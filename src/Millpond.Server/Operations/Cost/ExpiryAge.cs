using System.Text.Json;

namespace Millpond.Server.Operations.Cost;

/// <summary>
/// After how many days a lifecycle policy lets everything go. Read for an estimate alone: what is not understood, or is about some of the
/// images only, is as if there were no policy.
/// </summary>
internal static class ExpiryAge
{
    /// <summary>The days of the rule for images with any tag that counts from the push; null where there is none.</summary>
    public static int? Of(string policy)
    {
        try
        {
            using var json = JsonDocument.Parse(policy);
            return json.RootElement.GetProperty("rules").EnumerateArray().Select(DaysOf).Min();
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static int? DaysOf(JsonElement rule)
    {
        var selection = rule.GetProperty("selection");
        var isForAll = Is(selection, "tagStatus", "any") && Is(selection, "countType", "sinceImagePushed") && Is(rule.GetProperty("action"), "type", "expire");
        return isForAll && selection.GetProperty("countNumber").TryGetInt32(out var days) && days > 0 ? days : null;
    }

    private static bool Is(JsonElement element, string name, string text) =>
        element.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String && member.ValueEquals(text);
}
