using System.Collections.Immutable;
using System.Text.Json;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Expiry;

namespace Millpond.Server.Access;

/// <summary>What is set on a repository beside its policies: kept under its name.</summary>
/// <remarks>Settable, since what reads JSON would otherwise set a member that is not there to nothing, whatever it is at first.</remarks>
public sealed record RepositorySettings
{
    public const string Kind = "repository";
    public const string LifecycleKind = LifecycleTable.PolicyKind;

    public string Mutability { get; set; } = "MUTABLE";

    /// <summary>Patterns of tags that are the other way round, in the order in which they were given.</summary>
    public IReadOnlyList<string> Exclusions { get; set; } = [];

    public bool ScanOnPush { get; set; }

    public string EncryptionType { get; set; } = "AES256";

    public string? KmsKey { get; set; }

    public DateTimeOffset? CreatedAt { get; set; }

    public static async ValueTask<RepositorySettings> ReadAsync(ControlTables control, string repository) =>
        await control.Settings.FindAsync(Kind, repository) is { } row ? JsonSerializer.Deserialize(row.Value, AccessJson.Default.RepositorySettings)! : new();

    /// <summary>The kinds of all that is kept under a repository's name.</summary>
    public static ImmutableArray<string> Kinds { get; } = [Kind, LifecycleKind, ResourcePolicies.RepositoryKind, ResourceTags.Kind];

    public Task WriteAsync(ControlTables control, string repository, DateTimeOffset now) => control.Settings.PutAsync(Kind, repository, ToText(), now);

    /// <summary>As it is kept.</summary>
    public string ToText() => JsonSerializer.Serialize(this, AccessJson.Default.RepositorySettings);

    /// <summary>Whether a tag, once there, may not be made to mean something else.</summary>
    public bool IsImmutable(string tag)
    {
        var isExcluded = Exclusions.Any(pattern => Wildcard.Matches(pattern, tag));
        return Mutability switch
        {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !isExcluded,
            "MUTABLE_WITH_EXCLUSION" => isExcluded,
            _ => false,
        };
    }
}
