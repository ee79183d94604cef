using System.Text.Json;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.CacheRules;
using Millpond.Server.Ecr.Keeping;
using Millpond.Server.Ecr.Lifecycle;
using Millpond.Server.Ecr.Logins;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Registry;
using Millpond.Server.Ecr.Repositories;
using Millpond.Server.Ecr.Secrets;
using Millpond.Server.Lifecycle;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Server.Push;
using Millpond.Server.Rules;

namespace Millpond.Server.Ecr;

/// <summary>The services at <c>POST /</c> and their operations: a table of contents.</summary>
internal static class EcrService
{
    /// <summary>What operations work with.</summary>
    public sealed record Parts(
        EcrConfiguration Ecr, KeyRing Ring, Principals Principals, Authorizer Authorizer, RegistryTokens Tokens, Robots Robots,
        SecretVault Vault, AwsSecrets? AwsSecrets, PullThroughRules Rules, CacheRuleBook Book, PullThrough Pulls, PushServices Pushes, LifecycleServices Lifecycle, PinBook Pins, CatalogDatabase Catalog, TimeProvider Time)
    {
        public ControlTables Control => Catalog.Control;
    }

    public static IReadOnlyList<AwsService> All(Parts parts) => [Ecr(parts), SecretsManager(parts), Own(parts)];

    private static AwsService Ecr(Parts parts)
    {
        var repositories = Finder(parts);
        var pulls = new ImagePulls(repositories, parts.Pulls, parts.Authorizer);
        var policies = Policies(parts);
        var images = new ImageReadOperations(repositories, pulls, parts.Control.Images, parts.Catalog, parts.Ecr.Account);
        return new("ecr", "AmazonEC2ContainerRegistry_V20150921", "message", EcrShapes.Invalid,
        [
            new AuthorizationTokenOperation(parts.Tokens).Operation,
            .. new RegistryPolicyOperations(parts.Control, parts.Principals).All,
            .. new RegistrySettingOperations(parts.Control, parts.Principals).All,
            .. new PullTimeExclusionOperations(parts.Control).All,
            .. new CacheRuleOperations(parts.Book, parts.Rules, parts.Pulls, new RuleSecrets(parts.Vault, parts.AwsSecrets, parts.Authorizer), parts.Ecr.Account).All,
            .. new TemplateOperations(parts.Control, parts.Ecr.Account).All,
            .. new RepositoryOperations(repositories, parts.Catalog, parts.Authorizer, parts.Ecr, parts.Principals).All,
            .. new RepositoryTags(repositories, parts.Control, parts.Authorizer, parts.Principals).All,
            .. new RepositoryPolicyOperations(repositories, parts.Control, parts.Authorizer, parts.Principals).All,
            .. new RepositorySettingOperations(repositories, parts.Control, parts.Ecr.Account).All,
            .. policies.All,
            .. new PreviewOperations(repositories, policies, parts.Lifecycle, parts.Ecr.Account).All,
            .. images.All,
            new StorageClassOperation(repositories, images, parts.Catalog.Lifecycle, parts.Control.Images, parts.Ecr.Account).Operation,
            .. new ImageWriteOperations(repositories, parts.Pulls, parts.Pushes, parts.Catalog, parts.Ecr.Account).All,
            .. new LayerOperations(repositories, pulls, parts.Pushes, parts.Tokens, parts.Ecr.Account).All,
        ])
        {
            Refuse = input => input.Members.TryGetProperty("registryId", out var id) && id.ValueKind != JsonValueKind.Null && !id.ValueEquals(parts.Ecr.Account)
                ? AwsError.InvalidParameter("Invalid parameter at 'registryId' failed to satisfy constraint: 'there is no registry with that id here'")
                : null,
        };
    }

    private static AwsService SecretsManager(Parts parts)
    {
        var finder = new SecretFinder(parts.Vault, parts.Ecr);
        var versions = new SecretVersions(parts.Vault, parts.Control);
        return new("secretsmanager", "secretsmanager", "Message", SecretShapes.Invalid,
        [
            .. new SecretOperations(finder, parts.Vault, versions, parts.Control).All,
            .. new SecretValueOperations(finder, parts.Vault, versions, parts.Control).All,
            .. new SecretListOperations(finder, parts.Control, parts.Time).All,
        ]);
    }

    private static AwsService Own(Parts parts) => new("millpond", "Millpond_V1", "message", EcrShapes.Invalid,
    [
        .. new PrincipalOperations(parts.Principals, parts.Control).All,
        .. new RobotOperations(parts.Robots, parts.Principals, parts.Control, parts.Ring).All,
        .. new LifecycleRunOperations(Finder(parts), Policies(parts), parts.Lifecycle, parts.Catalog.Lifecycle.Held, parts.Time).All,
        .. new PinOperations(parts.Pins).All,
    ]);

    private static RepositoryFinder Finder(Parts parts) => new(parts.Rules, parts.Pulls, parts.Catalog, parts.Authorizer, parts.Ecr.Account);

    private static LifecycleOperations Policies(Parts parts) => new(Finder(parts), parts.Control, parts.Catalog.Lifecycle, parts.Ecr.Account);
}
