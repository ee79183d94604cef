using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>What a member of a request must be; what is wrong is told in AWS's words, without the value.</summary>
public sealed record AwsShape
{
    /// <summary>Made when first matched: an expression that cannot backtrack takes a millisecond or more and its memory, and few of the operations' are ever used.</summary>
    private readonly Lazy<Regex>? pattern;

    private AwsShape(JsonValueKind kind, [StringSyntax(StringSyntaxAttribute.Regex)] string? pattern = null)
    {
        Kind = kind;
        this.pattern = pattern is null ? null : new(() => new Regex(@"\A(?:" + pattern + @")\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking));
    }

    public JsonValueKind Kind { get; }

    public long Min { get; private init; }

    public long Max { get; private init; } = long.MaxValue;

    public Regex? Pattern => pattern?.Value;

    public IReadOnlyList<string>? Choices { get; private init; }

    /// <summary>Of a list's entries.</summary>
    public AwsShape? Element { get; private init; }

    /// <summary>Of an object.</summary>
    public IReadOnlyList<AwsMember> Members { get; private init; } = [];

    public static AwsShape Boolean { get; } = new(JsonValueKind.True);

    public static AwsShape Text(long min = 0, long max = long.MaxValue, [StringSyntax(StringSyntaxAttribute.Regex)] string? pattern = null) => new(JsonValueKind.String, pattern)
    {
        Min = min,
        Max = max,
    };

    public static AwsShape Choice(params string[] choices) => new(JsonValueKind.String) { Choices = choices };

    public static AwsShape Number(long min, long max) => new(JsonValueKind.Number) { Min = min, Max = max };

    public static AwsShape List(AwsShape element, long min = 0, long max = long.MaxValue) => new(JsonValueKind.Array) { Element = element, Min = min, Max = max };

    public static AwsShape Structure(params AwsMember[] members) => new(JsonValueKind.Object) { Members = members };

    public AwsMember As(string name) => new(name, this, IsRequired: false);

    public AwsMember Needed(string name) => new(name, this, IsRequired: true);

    /// <summary>What is wrong with a value, and where; null for nothing.</summary>
    public AwsViolation? Check(JsonElement value, string path) => value.ValueKind switch
    {
        JsonValueKind.String when Kind == JsonValueKind.String => CheckText(value, path),
        JsonValueKind.Number when Kind == JsonValueKind.Number => CheckNumber(value, path),
        JsonValueKind.True or JsonValueKind.False when Kind == JsonValueKind.True => null,
        JsonValueKind.Array when Kind == JsonValueKind.Array => CheckList(value, path),
        JsonValueKind.Object when Kind == JsonValueKind.Object => CheckMembers(value, path),
        _ => new(path, $"Member is not of type {(Kind == JsonValueKind.True ? "Boolean" : Kind.ToString())}", IsWrongType: true),
    };

    /// <summary>The members of an object, in their order.</summary>
    public AwsViolation? CheckMembers(JsonElement value, string path)
    {
        foreach (var member in Members)
        {
            var at = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
            var isThere = value.TryGetProperty(member.Name, out var given) && given.ValueKind != JsonValueKind.Null;
            if (!isThere && member.IsRequired)
            {
                return new(at, "Member must not be null");
            }

            if (isThere && member.Shape.Check(given, at) is { } wrong)
            {
                return wrong;
            }
        }

        return null;
    }

    private AwsViolation? CheckText(JsonElement value, string path)
    {
        try
        {
            return CheckText(value.GetString()!, path);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair is JSON and no text.
            return new(path, "Member is not of type String", IsWrongType: true);
        }
    }

    private AwsViolation? CheckText(string text, string path) =>
        text.Length < Min ? new(path, $"Member must have length greater than or equal to {Min}")
        : text.Length > Max ? new(path, $"Member must have length less than or equal to {Max}")
        : Choices is not null && !Choices.Contains(text) ? new(path, $"Member must satisfy enum value set: [{string.Join(", ", Choices)}]")
        : Pattern is not null && !Pattern.IsMatch(text) ? new(path, $"must satisfy regular expression '{Pattern.ToString()[5..^3]}'")
        : null;

    private AwsViolation? CheckNumber(JsonElement value, string path) =>
        !value.TryGetInt64(out var number) ? new(path, "Member is not of type Integer", IsWrongType: true)
        : number < Min ? new(path, $"Member must have value greater than or equal to {Min}")
        : number > Max ? new(path, $"Member must have value less than or equal to {Max}")
        : null;

    private AwsViolation? CheckList(JsonElement value, string path)
    {
        var length = value.GetArrayLength();
        return length < Min ? new(path, $"Member must have length greater than or equal to {Min}")
            : length > Max ? new(path, $"Member must have length less than or equal to {Max}")
            : value.EnumerateArray().Select((item, index) => Element!.Check(item, $"{path}.{index + 1}.member")).FirstOrDefault(wrong => wrong is not null);
    }
}

/// <summary>A member of a request.</summary>
public sealed record AwsMember(string Name, AwsShape Shape, bool IsRequired);

/// <param name="Path">The member, with those it lies in.</param>
/// <param name="Constraint">In AWS's words.</param>
/// <param name="IsWrongType">Whether it cannot be read at all.</param>
public sealed record AwsViolation(string Path, string Constraint, bool IsWrongType = false);
