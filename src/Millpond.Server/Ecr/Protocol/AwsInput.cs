using System.Text.Json;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>The members of a request that was checked against its shapes: what is asked for is there, and of its type.</summary>
public readonly struct AwsInput(JsonElement members)
{
    public JsonElement Members => members;

    public bool Has(string name) => Find(name) is not null;

    public string Text(string name) => Find(name)?.GetString() ?? throw new InvalidOperationException($"{name} was not checked to be there.");

    public string? TextOrNull(string name) => Find(name)?.GetString();

    public bool Flag(string name) => Find(name)?.GetBoolean() ?? false;

    public long? NumberOrNull(string name) => Find(name)?.GetInt64();

    public IReadOnlyList<string> Texts(string name) => Find(name) is { } list ? [.. list.EnumerateArray().Select(item => item.GetString()!)] : [];

    public IReadOnlyList<AwsInput> Objects(string name) => Find(name) is { } list ? [.. list.EnumerateArray().Select(item => new AwsInput(item))] : [];

    public AwsInput? Structure(string name) => Find(name) is { } value ? new AwsInput(value) : null;

    private JsonElement? Find(string name) =>
        members.ValueKind == JsonValueKind.Object && members.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
