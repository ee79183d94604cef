using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>The shapes and errors of Secrets Manager.</summary>
internal static class SecretShapes
{
    private const int LongestValue = 65_536;

    public static AwsMember Id { get; } = Text(1, 2048).Needed("SecretId");

    public static AwsMember Token { get; } = Text(32, 64).As("ClientRequestToken");

    public static AwsMember Description { get; } = Text(0, 2048).As("Description");

    public static AwsMember Key { get; } = Text(0, 2048).As("KmsKeyId");

    public static AwsMember String { get; } = Text(1, LongestValue).As("SecretString");

    /// <summary>In base64.</summary>
    public static AwsMember Binary { get; } = Text(1, (LongestValue + 2) / 3 * 4).As("SecretBinary");

    public static AwsShape Tags { get; } = List(EcrShapes.Tag, 0, 50);

    public static AwsErrorException NotFound(string? what = null) =>
        new("ResourceNotFoundException", what ?? "Secrets Manager can't find the specified secret.");

    public static AwsErrorException InvalidRequest(string message) => new("InvalidRequestException", message);

    public static AwsErrorException Deleted() => InvalidRequest("You can't perform this operation on the secret because it was marked for deletion.");

    /// <summary>What an input breaks; without the value, which may be a secret.</summary>
    public static AwsError Invalid(AwsViolation wrong) => AwsError.Of(
        "ValidationException", $"1 validation error detected: Value at '{char.ToLowerInvariant(wrong.Path[0])}{wrong.Path[1..]}' failed to satisfy constraint: {wrong.Constraint}");

    /// <summary>The value of an input that has one; null for none.</summary>
    public static SecretValue? ValueOf(AwsInput input)
    {
        var (text, bytes) = (input.TextOrNull("SecretString"), input.TextOrNull("SecretBinary"));
        if (text is not null && bytes is not null)
        {
            throw new AwsErrorException("InvalidParameterException", "You can't specify both SecretString and SecretBinary.");
        }

        try
        {
            return text is not null ? new(text, null) : bytes is not null ? new(null, Convert.FromBase64String(bytes)) : null;
        }
        catch (FormatException)
        {
            throw new AwsErrorException("InvalidParameterException", "SecretBinary is not base64.");
        }
    }
}

/// <summary>What is kept of a secret and told again.</summary>
internal sealed record SecretDetails(string? Description, string? KmsKeyId, ImmutableSortedDictionary<string, string> Tags)
{
    public static SecretDetails Of(SecretRow row) => JsonSerializer.Deserialize(row.Details, EcrJson.Default.SecretDetails)!;

    public override string ToString() => JsonSerializer.Serialize(this, EcrJson.Default.SecretDetails);

    public SecretDetails Tagged(IEnumerable<AwsInput> tags) => this with { Tags = Tags.SetItems(tags.Select(tag => KeyValuePair.Create(tag.Text("Key"), tag.Text("Value")))) };

    public JsonArray? ToTags() => Tags.IsEmpty ? null : AwsJson.List(Tags.Select(tag => new JsonObject { ["Key"] = tag.Key, ["Value"] = tag.Value }));
}
