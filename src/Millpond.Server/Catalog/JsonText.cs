using System.Text.Json;

namespace Millpond.Server.Catalog;

internal static class JsonText
{
    /// <summary>A property's text; null where it is missing or no string.</summary>
    public static string? TextOf(this JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
