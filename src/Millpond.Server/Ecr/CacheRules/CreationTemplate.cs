using System.Text.Json;
using System.Text.Json.Serialization;
using Millpond.Server.Access;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>A template for repositories that come into being by a pull or a push, as it is kept: ECR's members.</summary>
/// <remarks>Settable, since what reads JSON would otherwise set a member that is not there to nothing, whatever it is at first.</remarks>
internal sealed record CreationTemplate
{
    public const string ForPulls = "PULL_THROUGH_CACHE";
    public const string ForPushes = "CREATE_ON_PUSH";

    /// <summary>
    /// What everybody has under <c>ROOT</c> until it is changed or deleted there: what a cache holds goes 30 days after it came, as it is fetched
    /// again when it is pulled (docs/decisions/creation-templates.md).
    /// </summary>
    public const string BuiltIn =
        """
        {"prefix":"ROOT","description":"Built in: what a cache holds expires 30 days after it came. Create a template of this prefix to have another, or delete it to have none.","imageTagMutability":"MUTABLE","lifecyclePolicy":"{\"rules\":[{\"rulePriority\":1,\"description\":\"Expire images 30 days after they came\",\"selection\":{\"tagStatus\":\"any\",\"countType\":\"sinceImagePushed\",\"countUnit\":\"days\",\"countNumber\":30},\"action\":{\"type\":\"expire\"}}]}","appliedFor":["PULL_THROUGH_CACHE"]}
        """;

    public IReadOnlyList<string> AppliedFor { get; set; } = [];

    public string ImageTagMutability { get; set; } = "MUTABLE";

    public IReadOnlyList<ExclusionFilter> ImageTagMutabilityExclusionFilters { get; set; } = [];

    public EncryptionChoice? EncryptionConfiguration { get; set; }

    public IReadOnlyList<ResourceTag> ResourceTags { get; set; } = [];

    public string? RepositoryPolicy { get; set; }

    public string? LifecyclePolicy { get; set; }

    /// <exception cref="JsonException">It is none.</exception>
    public static CreationTemplate Parse(string text) => JsonSerializer.Deserialize(text, TemplateJson.Default.CreationTemplate) ?? throw new JsonException("There is nothing.");

    /// <summary>What it sets on a repository, by the kind under which it is kept there.</summary>
    public IReadOnlyDictionary<string, string> ToSettings()
    {
        var set = new Dictionary<string, string>(StringComparer.Ordinal);
        Add(ResourcePolicies.RepositoryKind, RepositoryPolicy);
        Add(RepositorySettings.LifecycleKind, LifecyclePolicy);
        Add(Access.ResourceTags.Kind, ResourceTags.Count == 0 ? null : Access.ResourceTags.ToText(TagsByKey()));
        var settings = new RepositorySettings
        {
            Mutability = ImageTagMutability,
            Exclusions = [.. ImageTagMutabilityExclusionFilters.Select(filter => filter.Filter)],
            EncryptionType = EncryptionConfiguration?.EncryptionType ?? new RepositorySettings().EncryptionType,
            KmsKey = EncryptionConfiguration?.KmsKey is { Length: > 0 } key ? key : null,
        };
        Add(RepositorySettings.Kind, settings.ToText() == new RepositorySettings().ToText() ? null : settings.ToText());
        return set;

        void Add(string kind, string? text)
        {
            if (!string.IsNullOrEmpty(text))
            {
                set[kind] = text;
            }
        }
    }

    /// <summary>Of a key that is there twice the last counts, as where tags are set by hand.</summary>
    private Dictionary<string, string> TagsByKey()
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in ResourceTags)
        {
            tags[tag.Key] = tag.Value;
        }

        return tags;
    }
}

internal sealed record ExclusionFilter(string Filter);

internal sealed record EncryptionChoice(string EncryptionType, string? KmsKey);

internal sealed record ResourceTag([property: JsonPropertyName("Key")] string Key, [property: JsonPropertyName("Value")] string Value);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(CreationTemplate))]
internal sealed partial class TemplateJson : JsonSerializerContext;
