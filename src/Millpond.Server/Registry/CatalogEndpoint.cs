using Microsoft.AspNetCore.Http;
using Millpond.Server.Catalog;

namespace Millpond.Server.Registry;

/// <summary><c>_catalog</c>: the repositories that something was pulled or pushed through, by pages.</summary>
public sealed class CatalogEndpoint(CatalogDatabase catalog)
{
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, string linkRoot)
    {
        if (!Page.TryRead(context.Request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        // One more than asked for tells whether a page follows.
        var found = page.Limit == 0 ? [] : catalog.ListRepositories(page.Last, page.Limit + 1);
        var names = found.Take(page.Limit).Select(name => name.ToString()).ToList();
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
}
