using System.Collections.Immutable;
using Millpond.Server.Access.Policies;
using Millpond.Server.Bounded;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Access;

/// <summary>What hangs on the registry and on repositories, remembered until something changes.</summary>
public sealed class ResourcePolicies(ControlTables control, Principals principals)
{
    /// <summary>The kind of what belongs to the registry, and there the name of its policy.</summary>
    public const string RegistryKind = "registry";

    public const string PolicyName = "policy";

    /// <summary>Whose value <c>V1</c> lets the registry's policy speak of imports and new repositories alone.</summary>
    public const string ScopeName = "account-setting:REGISTRY_POLICY_SCOPE";

    /// <summary>The kind of repositories' policies.</summary>
    public const string RepositoryKind = "repository-policy";

    private const int MostRemembered = 20_000;

    private static readonly ImmutableArray<string> ActionsOfV1 = [AccessNames.Import, AccessNames.NewRepository, "ecr:ReplicateImage"];

    private Memory memory = new(-1);

    /// <summary>Both speak of ECR's actions alone: a star in them opens nothing else.</summary>
    /// <param name="repository">Null for what is the registry's alone.</param>
    public async ValueTask<ImmutableArray<PolicyDocument>> ForAsync(string? repository, string action)
    {
        if (!action.StartsWith("ecr:", StringComparison.Ordinal))
        {
            return [];
        }

        var held = memory;
        if (held.Version != principals.Version)
        {
            held = new(principals.Version);
            memory = held;
        }

        var registry = held.Registry ??= await ReadRegistryAsync();
        ImmutableArray<PolicyDocument> own = registry.IsV1 && !ActionsOfV1.Contains(action) ? [] : registry.Documents;
        return repository is null ? own : [.. own, .. await OfRepositoryAsync(held, repository)];
    }

    private async ValueTask<ImmutableArray<PolicyDocument>> OfRepositoryAsync(Memory held, string repository)
    {
        if (!held.Repositories.TryGet(repository, out var found))
        {
            found = Read((await control.Settings.FindAsync(RepositoryKind, repository))?.Value, PolicyKind.Repository);
            held.Repositories.Set(repository, found);
        }

        return found;
    }

    private async ValueTask<RegistryPolicies> ReadRegistryAsync() => new(
        Read((await control.Settings.FindAsync(RegistryKind, PolicyName))?.Value, PolicyKind.Registry),
        (await control.Settings.FindAsync(RegistryKind, ScopeName))?.Value == "V1");

    private static ImmutableArray<PolicyDocument> Read(string? text, PolicyKind kind) =>
        text is null ? [] : PolicyDocument.TryParse(text, kind, out var document, out _) ? [document] : [PolicyDocument.Nothing];

    private sealed record RegistryPolicies(ImmutableArray<PolicyDocument> Documents, bool IsV1);

    private sealed class Memory(long version)
    {
        public long Version => version;

        public RegistryPolicies? Registry { get; set; }

        public GenerationCache<string, ImmutableArray<PolicyDocument>> Repositories { get; } = new(MostRemembered, _ => 1);
    }
}
