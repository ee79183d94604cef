using Microsoft.AspNetCore.Http;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Lists;

/// <summary>
/// <c>_catalog</c>: the repositories that something was pulled through and can be, and this server's own, by pages. A page is shorter, and may be
/// empty, where so many repositories were looked at that this client may not see: the next one goes on from there.
/// </summary>
public sealed class CatalogEndpoint(CatalogDatabase catalog, PullThroughRules rules, PullThrough pulls, AccessGate gate, CatalogCursor cursors)
{
    /// <summary>Repositories that are looked at for one page.</summary>
    private const int MostLookedAt = 2000;

    /// <summary>At least so many rows are read at once: of a short page most may not be for this client.</summary>
    private const int ReadAtOnce = 100;

    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, string linkRoot, Door door)
    {
        if (await gate.FindRefusalAsync(context, door) is { } refusal)
        {
            return await RegistryErrorWriter.WriteAsync(context, refusal);
        }

        if (!Page.TryRead(context.Request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        // One more than asked for tells whether a page follows.
        var (found, goesOn) = page.Limit == 0
            ? ([], null)
            : await ListedAsync(context, await gate.IdentifyAsync(context, door), door.Rule, cursors.Read(page.Last), page.Limit + 1);
        var names = found.Take(page.Limit).ToList();
        if (found.Count > names.Count)
        {
            page.SetLink(context, linkRoot, names[^1]);
        }
        else if (goesOn is not null)
        {
            page.SetLink(context, linkRoot, cursors.Make(goesOn));
        }

        var sent = await RegistryJson.WriteAsync(context, "application/json", json =>
        {
            json.WriteStartArray("repositories");
            foreach (var name in names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
        });
        return new(StatusCodes.Status200OK, sent, "ok");
    }

    /// <summary>
    /// What the rules keep from a pull is not named either, and leaves no gap in a page; nor is what a rule had from an upstream that it does not
    /// point to any more.
    /// </summary>
    /// <returns>The names, and the last repository that was looked at where the rest was not; its name is not for this client.</returns>
    private async ValueTask<(List<string> Names, string? GoesOn)> ListedAsync(HttpContext context, RegistryCaller caller, string? listenerRule, string? after, int limit)
    {
        var hostName = context.Request.Host.Value;
        var listed = new List<string>();
        var atOnce = Math.Max(limit, ReadAtOnce);
        var found = await catalog.ListRepositoriesAsync(after, atOnce);
        for (var lookedAt = found.Count; ; lookedAt += found.Count)
        {
            foreach (var row in found)
            {
                // A repository of this server's own may have been a cache by ROOT before.
                var name = row.Name.ToString();
                if (listed.Count < limit && (listed.Count == 0 || listed[^1] != name) && IsListed(row, hostName, listenerRule, out var rule)
                    && await gate.ListsAsync(caller, row.Name, rule))
                {
                    listed.Add(name);
                }
            }

            if (listed.Count == limit || found.Count < atOnce)
            {
                return (listed, null);
            }

            if (lookedAt >= MostLookedAt && GoOnAfter(found, listed) is { } goesOn)
            {
                return (listed, goesOn);
            }

            found = await catalog.ListRepositoriesAsync(found[^1].Name.ToString(), found[^1].Origin, atOnce);
        }
    }

    /// <summary>The last name of which nothing is left to look at: of one that is not listed another origin may come yet. Null where there is none.</summary>
    private static string? GoOnAfter(IReadOnlyList<OriginRepository> found, List<string> listed)
    {
        var last = found[^1].Name.ToString();
        return listed.Count > 0 && listed[^1] == last ? last : found.Select(row => row.Name.ToString()).LastOrDefault(name => name != last);
    }

    private bool IsListed(OriginRepository row, string? hostName, string? listenerRule, out PullThroughRule? rule)
    {
        rule = null;
        if (row.Origin == Origin.None)
        {
            return rules.IsListedAsOwn(row.Name, hostName, listenerRule);
        }

        if (rules.FindListed(row.Name, hostName, listenerRule) is not { } target)
        {
            return false;
        }

        rule = target.Rule;
        return pulls.IsOfNow(target, row);
    }
}
