using System.Globalization;
using System.Text.Json;

namespace Millpond.Server.Lifecycle.Policies;

/// <summary>The checks of a JSON schema, in the words of the validator that AWS's answers show (json-schema-validator); the first that fails ends it.</summary>
internal static class SchemaCheck
{
    /// <exception cref="PolicyTextException">It is of another type, or has members too many or too few.</exception>
    public static void Object(JsonElement value, string[] allowed, string[] required)
    {
        Type(value, JsonValueKind.Object, "object");
        var names = value.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal).ToList();
        if (names.Where(name => !allowed.Contains(name)).ToList() is { Count: > 0 } unknown)
        {
            throw new PolicyTextException($"object instance has properties which are not allowed by the schema: ({Names(unknown)})");
        }

        if (required.Where(name => !names.Contains(name)).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } missing)
        {
            throw new PolicyTextException($"object has missing required properties ({Names(missing)})");
        }
    }

    public static IReadOnlyList<JsonElement> Array(JsonElement value, int min, int max)
    {
        Type(value, JsonValueKind.Array, "array");
        var length = value.GetArrayLength();
        return length < min ? throw new PolicyTextException($"array is too short: must have at least {min} elements but instance has {length} elements")
            : length > max ? throw new PolicyTextException($"array is too long: must have at most {max} elements but instance has {length} elements")
            : [.. value.EnumerateArray()];
    }

    public static string Text(JsonElement value)
    {
        Type(value, JsonValueKind.String, "string");
        return value.GetString()!;
    }

    public static string Choice(JsonElement value, params string[] choices)
    {
        var text = Text(value);
        return choices.Contains(text) ? text : throw new PolicyTextException($"instance value ({Quoted(text)}) not found in enum (possible values: {Names(choices)})");
    }

    public static long Integer(JsonElement value, long min)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
        {
            throw WrongType(value, "integer");
        }

        return number >= min
            ? number
            : throw new PolicyTextException(string.Create(CultureInfo.InvariantCulture, $"numeric instance is lower than the required minimum (minimum: {min}, found: {number})"));
    }

    private static void Type(JsonElement value, JsonValueKind kind, string name)
    {
        if (value.ValueKind != kind)
        {
            throw WrongType(value, name);
        }
    }

    private static PolicyTextException WrongType(JsonElement value, string wanted) =>
        new($"instance type ({TypeOf(value)}) does not match any allowed primitive type (allowed: [\"{wanted}\"])");

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.TryGetInt64(out _) ? "integer" : "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var kind => kind.ToString().ToLowerInvariant(),
    };

    private static string Names(IEnumerable<string> names) => $"[{string.Join(",", names.Select(Quoted))}]";

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
