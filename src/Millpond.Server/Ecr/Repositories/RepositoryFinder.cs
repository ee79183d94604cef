using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Rules;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>A repository that is here: one of this server's own, or a cache.</summary>
/// <param name="Cached">The rule and the name at its upstream; null for one of this server's own.</param>
internal sealed record FoundRepository(OriginRepository At, RuleMatch? Cached, DateTimeOffset MadeAt)
{
    public string Name => At.Name.ToString();
}

/// <summary>Finds the repository that a call means, by the names that pulls have too.</summary>
internal sealed class RepositoryFinder(PullThroughRules rules, PullThrough pulls, CatalogDatabase catalog, Authorizer authorizer, string account)
{
    /// <summary>What a call on a repository must be allowed on: under the name that the repository has, however it is written.</summary>
    public IEnumerable<AwsResource> Named(AwsCall call)
    {
        yield return AwsResource.OfRepository(authorizer, Canonical(RepositoryName.Parse(call.Input.Text("repositoryName"))).ToString());
    }

    /// <summary>What the repository is called here: <c>docker-hub/nginx</c> is <c>docker-hub/library/nginx</c>.</summary>
    public RepositoryName Canonical(RepositoryName asked) => Resolve(asked).Match?.Repository ?? asked;

    public RuleResolution Resolve(RepositoryName asked) => rules.Resolve(asked, null, null, null);

    public async ValueTask<FoundRepository?> FindAsync(RepositoryName asked)
    {
        var resolution = Resolve(asked);
        var name = resolution.Match?.Repository ?? asked;
        if (resolution.MayBeLocal && await FindAsync(OriginRepository.Own(name), null) is { } own)
        {
            return own;
        }

        return resolution.Match is { } target && resolution.Verdict is RuleVerdict.Matched or RuleVerdict.Denied
            ? await FindAsync(AtOf(resolution.Match!), resolution.Match)
            : null;
    }

    /// <exception cref="AwsErrorException">There is none.</exception>
    public async ValueTask<FoundRepository> GetAsync(string asked) =>
        RepositoryName.TryParse(asked, out var name) && await FindAsync(name) is { } found ? found : throw NotFound(asked);

    public ValueTask<FoundRepository> GetAsync(AwsCall call) => GetAsync(call.Input.Text("repositoryName"));

    /// <summary>One that can be pushed to.</summary>
    /// <exception cref="AwsErrorException">There is none, or it is a cache.</exception>
    public async ValueTask<FoundRepository> GetOwnAsync(AwsCall call)
    {
        var repository = await GetAsync(call);
        return repository.Cached is { } target
            ? throw new AwsErrorException(AwsError.InvalidParameter(
                $"Invalid parameter at 'repositoryName' failed to satisfy constraint: 'the repository is a cache of {target.Rule.UpstreamName}; push to the upstream'"))
            : repository;
    }

    /// <summary>A repository of the catalog's list, where pulls would find it by its name.</summary>
    public async ValueTask<FoundRepository?> OfListAsync(OriginRepository row) => await FindAsync(row.Name) is { } found && found.At.Origin == row.Origin ? found : null;

    public OriginRepository AtOf(RuleMatch target) => new(target.Repository, pulls.HomeOf(target).Origin, target.Rule.Prefix);

    public AwsErrorException NotFound(string name) => new(
        "RepositoryNotFoundException", $"The repository with name '{name}' does not exist in the registry with id '{account}'");

    private async ValueTask<FoundRepository?> FindAsync(OriginRepository at, RuleMatch? cached) =>
        await catalog.Control.Images.FindRepositoryAsync(at) is { } madeAt ? new(at, cached, madeAt) : null;
}
