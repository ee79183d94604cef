using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry.Lists;

/// <summary><c>tags/list</c>, by pages.</summary>
public sealed class TagsEndpoint(PullThrough pulls, AccessGate gate)
{
    /// <param name="asked">The repository as the client wrote it, which is what the answer calls it.</param>
    /// <param name="linkRoot">What stands before the path in <c>Link</c>: the public URL, or nothing.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Place place, RepositoryName asked, string linkRoot)
    {
        if (!Page.TryRead(context.Request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        var options = RegistryHeaders.ReadOptions(context.Request);
        var limit = Math.Max(1, page.Limit);
        var pull = place.Cached is { } target
            ? await pulls.ListTagsAsync(target, page.Last, limit, options, context.RequestAborted)
            : await pulls.Local.ListTagsAsync(place.Name, page.Last, limit);
        if (!pull.IsFound && options.MayNotAsk && place.Cached is { } cold)
        {
            pull = await gate.OrImportAsync(context, pulls, cold, options, pull, wanted => pulls.ListTagsAsync(cold, page.Last, limit, wanted, context.RequestAborted));
        }

        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure, $"the tags of {place.Source}"));
        }

        RegistryHeaders.SetCache(context.Response.Headers, pull.Status);
        RegistryHeaders.SetCut(context.Response.Headers, pull.Value.CutAt);
        var tags = page.Limit == 0 ? [] : pull.Value.Tags;
        if (pull.Value.More && tags.Count > 0)
        {
            page.SetLink(context, linkRoot, tags[^1]);
        }

        var sent = await RegistryJson.WriteAsync(context, "application/json", json =>
        {
            json.WriteString("name", asked.ToString());
            json.WriteStartArray("tags");
            foreach (var tag in tags)
            {
                json.WriteStringValue(tag);
            }

            json.WriteEndArray();
        });
        return new(context.Response.StatusCode, sent, RegistryHeaders.Text(pull.Status), place.Rule);
    }
}
