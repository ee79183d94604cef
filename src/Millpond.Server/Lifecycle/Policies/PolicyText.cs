using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Millpond.Server.Lifecycle.Policies;

/// <summary>Reads a policy's text: its grammar, and what its rules may say together. ECR's, and beyond it <c>sinceImagePulled</c> with <c>expire</c>.</summary>
public static class PolicyText
{
    public const int LongestText = 30_720;

    private const int MostRules = 50;

    private const int MostWildcards = 4;

    /// <summary>More entries than a tag list of a text of that length can have.</summary>
    private const int MostTags = LongestText;

    /// <summary>What is archived stays so long at least; sooner it is deleted by hand.</summary>
    private const int ShortestArchive = 90;

    private static readonly string[] SelectionMembers = ["tagStatus", "tagPatternList", "tagPrefixList", "storageClass", "countType", "countUnit", "countNumber"];

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <param name="why">The detail of what is wrong, as AWS words it.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out LifecyclePolicy? policy, out string why)
    {
        (policy, why) = (null, "");
        try
        {
            using var json = JsonDocument.Parse(text, Strict);
            policy = json.RootElement.ValueKind == JsonValueKind.Object ? Read(json.RootElement) : throw Unreadable();
            return true;
        }
        catch (PolicyTextException wrong)
        {
            why = wrong.Message;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or ArgumentException)
        {
            // Half of a surrogate pair may be JSON, and is no text.
            why = Unreadable().Message;
        }

        return false;
    }

    private static PolicyTextException Unreadable() => new("Could not map policyString into LifecyclePolicy.");

    private static LifecyclePolicy Read(JsonElement root)
    {
        SchemaCheck.Object(root, ["rules"], ["rules"]);
        var rules = SchemaCheck.Array(root.GetProperty("rules"), 1, MostRules).Select(ReadRule).OrderBy(rule => rule.Priority).ToImmutableArray();
        RuleSetCheck.Check(rules);
        return new(rules);
    }

    private static LifecycleRule ReadRule(JsonElement rule)
    {
        SchemaCheck.Object(rule, ["rulePriority", "description", "selection", "action"], ["rulePriority", "selection", "action"]);
        var priority = SchemaCheck.Integer(rule.GetProperty("rulePriority"), 1);
        if (rule.TryGetProperty("description", out var description))
        {
            SchemaCheck.Text(description);
        }

        var selection = rule.GetProperty("selection");
        SchemaCheck.Object(selection, SelectionMembers, ["tagStatus", "countType", "countNumber"]);
        var status = SchemaCheck.Choice(selection.GetProperty("tagStatus"), "tagged", "untagged", "any") switch
        {
            "tagged" => TagStatus.Tagged,
            "untagged" => TagStatus.Untagged,
            _ => TagStatus.Any,
        };
        var tags = ReadTags(selection, status);
        var ofArchive = selection.TryGetProperty("storageClass", out var storage) && SchemaCheck.Choice(storage, "standard", "archive") == "archive";
        var countType = ReadCountType(selection);
        var count = SchemaCheck.Integer(selection.GetProperty("countNumber"), countType == CountType.SinceImageTransitioned ? ShortestArchive : 1);
        var action = ReadAction(rule.GetProperty("action"));
        RuleSetCheck.Check(countType, ofArchive, action);
        return new(priority, status, tags, ofArchive, countType, count, action);
    }

    private static ImmutableArray<TagPattern> ReadTags(JsonElement selection, TagStatus status)
    {
        var hasPatterns = selection.TryGetProperty("tagPatternList", out var patterns);
        var hasPrefixes = selection.TryGetProperty("tagPrefixList", out var prefixes);
        ImmutableArray<TagPattern> tags =
        [
            .. (hasPatterns ? SchemaCheck.Array(patterns, 1, MostTags) : []).Select(entry => new TagPattern(ReadTag(entry), IsPrefix: false)),
            .. (hasPrefixes ? SchemaCheck.Array(prefixes, 1, MostTags) : []).Select(entry => new TagPattern(ReadTag(entry), IsPrefix: true)),
        ];
        if (hasPatterns && hasPrefixes)
        {
            throw new PolicyTextException("Cannot specify both tagPrefixList and tagPatternList.");
        }

        if (tags.IsEmpty == (status == TagStatus.Tagged))
        {
            throw new PolicyTextException(tags.IsEmpty
                ? "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."
                : "Can only specify tagPrefixList or tagPatternList when tagStatus=TAGGED.");
        }

        return tags.Any(tag => !tag.IsPrefix && tag.Text.Count(c => c == '*') > MostWildcards)
            ? throw new PolicyTextException($"A pattern of tagPatternList can have at most {MostWildcards} wildcards.")
            : tags;
    }

    private static string ReadTag(JsonElement entry) => SchemaCheck.Text(entry) is { Length: > 0 } tag
        ? tag
        : throw new PolicyTextException("string \"\" is too short (length: 0, required minimum: 1)");

    /// <summary>Two schemas: a count of images without a unit, or a time in days.</summary>
    private static CountType ReadCountType(JsonElement selection)
    {
        var type = SchemaCheck.Text(selection.GetProperty("countType"));
        var unit = selection.TryGetProperty("countUnit", out var given) ? SchemaCheck.Text(given) : null;
        return (type, unit) switch
        {
            ("imageCountMoreThan", null) => CountType.ImageCountMoreThan,
            ("sinceImagePushed", "days") => CountType.SinceImagePushed,
            ("sinceImagePulled", "days") => CountType.SinceImagePulled,
            ("sinceImageTransitioned", "days") => CountType.SinceImageTransitioned,
            _ => throw new PolicyTextException("instance failed to match exactly one schema (matched 0 out of 2)"),
        };
    }

    private static LifecycleAction ReadAction(JsonElement action)
    {
        SchemaCheck.Object(action, ["type", "targetStorageClass"], ["type"]);
        var type = SchemaCheck.Choice(action.GetProperty("type"), "expire", "transition");
        var hasTarget = action.TryGetProperty("targetStorageClass", out var target);
        if (hasTarget)
        {
            SchemaCheck.Choice(target, "archive");
        }

        return (type, hasTarget) switch
        {
            ("expire", false) => LifecycleAction.Expire,
            ("transition", true) => LifecycleAction.Archive,
            ("expire", true) => throw new PolicyTextException("Can only specify targetStorageClass when the action type is transition."),
            _ => throw new PolicyTextException("Must specify targetStorageClass when the action type is transition."),
        };
    }
}
