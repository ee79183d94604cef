using Microsoft.AspNetCore.Http;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary><c>_catalog</c>: the repositories that something was pulled through and can be, by pages.</summary>
public sealed class CatalogEndpoint(CatalogDatabase catalog, PullThroughRules rules)
{
    /// <param name="listenerRule">The prefix of the rule that the whole listener is for, or null.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, string linkRoot, string? listenerRule)
    {
        if (!Page.TryRead(context.Request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        // One more than asked for tells whether a page follows.
        var found = page.Limit == 0 ? [] : Listed(context.Request.Host.Value, listenerRule, page.Last, page.Limit + 1);
        var names = found.Take(page.Limit).ToList();
        if (found.Count > names.Count)
        {
            page.SetLink(context, linkRoot, names[^1]);
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

    /// <summary>What the rules keep from a pull is not named either, and leaves no gap in a page.</summary>
    private List<string> Listed(string? hostName, string? listenerRule, string? after, int limit)
    {
        var listed = new List<string>();
        for (var last = after; ;)
        {
            var found = catalog.ListRepositories(last, limit);
            listed.AddRange(found.Where(name => rules.Lists(name, hostName, listenerRule)).Select(name => name.ToString()).Take(limit - listed.Count));
            if (listed.Count == limit || found.Count < limit)
            {
                return listed;
            }

            last = found[^1].ToString();
        }
    }
}
