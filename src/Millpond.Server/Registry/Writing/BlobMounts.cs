using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Push;
using Millpond.Server.Registry.Callers;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Writing;

/// <summary>
/// Mounts: from which repositories a client may take a blob over. Only where it could pull it by its name here: else whoever knows a digest
/// would read what is another's.
/// </summary>
public sealed class BlobMounts(BlobPush blobs, PullThrough pulls, PullThroughRules rules, CatalogDatabase catalog, AccessGate gate)
{
    /// <summary>Repositories that are looked at where the client names none.</summary>
    private const int MostHomes = 50;

    /// <param name="from">The repository that the client names; empty where any will do.</param>
    public async ValueTask<bool> TryMountAsync(HttpContext context, Door door, RepositoryName repository, Digest digest, string from)
    {
        var sources = from.Length > 0
            ? await NamedAsync(context, door, from)
            : (await catalog.Contents.ListHomesAsync(digest, MostHomes)).Select(home => SourceOf(context, door, home)).OfType<Source>();
        foreach (var (home, rule) in sources)
        {
            if (await gate.FindRefusalAsync(context, door, new RegistryWish(RegistryAction.Pull, home.Repository, RegistryWish.ReadBlob, rule)) is null
                && await blobs.MountAsync(repository, digest, home))
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask<IReadOnlyList<Source>> NamedAsync(HttpContext context, Door door, string from)
    {
        if (!RepositoryName.TryParse(from, out var name))
        {
            return [];
        }

        var resolution = rules.Resolve(name, null, context.Request.Host.Value, door.Rule);
        if (resolution.MayBeLocal && (resolution.Match?.Repository ?? name) is var own && await pulls.Local.HasRepositoryAsync(own))
        {
            return [new Source(new(own, Origin.None), null)];
        }

        return resolution is { Verdict: RuleVerdict.Matched, Match: { } target } ? [new Source(pulls.HomeOf(target), target.Rule)] : [];
    }

    /// <summary>A repository that the client did not name, where it could be pulled from by its name here.</summary>
    private Source? SourceOf(HttpContext context, Door door, BlobHome home)
    {
        if (home.Origin == Origin.None)
        {
            return door.Rule is null ? new Source(home, null) : null;
        }

        return rules.FindListed(home.Repository, context.Request.Host.Value, door.Rule) is { } target && pulls.HomeOf(target) == home ? new Source(home, target.Rule) : null;
    }

    /// <param name="Rule">By which it is a cache, and by whose access it is read.</param>
    private sealed record Source(BlobHome Home, PullThroughRule? Rule);
}
