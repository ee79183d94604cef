using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Millpond.Tests.Conformance;

/// <summary>What the registry said, and what is demanded of it.</summary>
internal sealed partial record Answer(string Request, int Status, ILookup<string, string> Headers, byte[] Body)
{
    private static readonly string[] Codes =
    [
        "BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN",
        "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS",
    ];

    public JsonNode Json
    {
        get
        {
            try
            {
                return JsonNode.Parse(Body) ?? throw Wrong("null is no body");
            }
            catch (JsonException exception)
            {
                throw Wrong($"the body is no JSON ({exception.Message})");
            }
        }
    }

    public bool Is(int status) => Status == status;

    public Answer Expect(params int[] statuses) =>
        statuses.Contains(Status) ? this : throw Wrong($"status {string.Join(" or ", statuses)} was expected");

    /// <summary>The header's one value.</summary>
    public string Header(string name) =>
        Headers[name].ToList() is [var value] ? value : throw Wrong($"header {name} was expected once, and came {Headers[name].Count()} times");

    public string? HeaderOrNull(string name) => Headers[name].Any() ? Header(name) : null;

    public Answer ExpectHeader(string name, string value) =>
        Header(name) == value ? this : throw Wrong($"header {name} was expected to be '{value}' and is '{Header(name)}'");

    public Answer ExpectNoHeader(string name) => Headers[name].Any() ? throw Wrong($"header {name} must not be there, and is '{Header(name)}'") : this;

    public Answer ExpectBody(ReadOnlySpan<byte> content) =>
        content.SequenceEqual(Body) ? this : throw Wrong($"the body has {Body.Length} bytes that are not the {content.Length} expected");

    /// <summary>The specification's body of an error with one of these codes.</summary>
    public Answer ExpectError(params string[] codes)
    {
        if (!(HeaderOrNull("Content-Type") ?? "").StartsWith("application/json", StringComparison.Ordinal))
        {
            throw Wrong("an error is application/json");
        }

        if (Json is not JsonObject { Count: 1 } whole || whole["errors"] is not JsonArray { Count: > 0 } errors)
        {
            throw Wrong("the body of an error is one field, errors, which is a list and not empty");
        }

        foreach (var error in errors)
        {
            var code = (string?)error?["code"] ?? "";
            if (!CodeGrammar().IsMatch(code) || !Codes.Contains(code))
            {
                throw Wrong($"'{code}' is none of the specification's codes");
            }

            if (error!["message"] is { } message && message.GetValueKind() != JsonValueKind.String)
            {
                throw Wrong("an error's message is a text");
            }
        }

        return codes.Contains((string?)errors[0]!["code"]) ? this : throw Wrong($"{string.Join(" or ", codes)} was expected");
    }

    public InvalidOperationException Wrong(string what) => new($"{what}\n  {this}");

    public override string ToString()
    {
        var headers = string.Join(", ", Headers.Where(header => header.Key is not ("Date" or "Server")).Select(header => $"{header.Key}: {string.Join(" | ", header)}"));
        return $"{Request} -> {Status} [{headers}] {Encoding.UTF8.GetString(Body.AsSpan(0, Math.Min(Body.Length, 300)))}";
    }

    [GeneratedRegex(@"\A[A-Z_]+\z")]
    private static partial Regex CodeGrammar();
}
