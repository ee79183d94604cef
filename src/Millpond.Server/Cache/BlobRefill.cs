using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>Fetches a blob again for a repository that has it from an upstream, after everything that a client waits for.</summary>
internal sealed class BlobRefill(PullThroughRules rules, CatalogDatabase catalog, LinkMemory known, BlobPull blobs)
{
    /// <summary>Repositories that are tried: each costs a request to an upstream that may be down.</summary>
    private const int MostTried = 5;

    /// <summary>Null where it is stored again; else why not.</summary>
    public async Task<string?> RunAsync(Digest digest, long size, CancellationToken cancellationToken)
    {
        var reason = "no rule of now has it";
        var tried = 0;
        foreach (var home in await catalog.Contents.ListHomesAsync(digest, 100))
        {
            var resolution = rules.Resolve(home.Repository, ns: null, hostName: null, listenerRule: null);
            if (home.Origin == Origin.None || resolution is not { Verdict: RuleVerdict.Matched, Match: { Rule.IsRetired: false } target }
                || known.At(target).Origin != home.Origin || !rules.Allows(target.Rule, target.UpstreamRepository) || ++tried > MostTried)
            {
                continue;
            }

            if (await blobs.FetchAsync(target, digest, size, RequestReason.WarmUp, cancellationToken) is not { } failure)
            {
                return null;
            }

            reason = $"{target.Rule.UpstreamName}: {failure.Reason}";
        }

        return reason;
    }
}
