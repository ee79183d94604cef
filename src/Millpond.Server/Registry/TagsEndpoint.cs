using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary><c>tags/list</c>, by pages.</summary>
public sealed class TagsEndpoint(PullThrough pulls)
{
    /// <param name="asked">The repository as the client wrote it, which is what the answer calls it.</param>
    /// <param name="linkRoot">What stands before the path in <c>Link</c>: the public URL, or nothing.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RuleMatch target, RepositoryName asked, string linkRoot)
    {
        if (!Page.TryRead(context.Request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        var options = RegistryHeaders.ReadOptions(context.Request);
        var pull = await pulls.ListTagsAsync(target, page.Last, Math.Max(1, page.Limit), options, context.RequestAborted);
        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure));
        }

        RegistryHeaders.SetCache(context.Response.Headers, pull.Status);
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
        return new(context.Response.StatusCode, sent, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
    }
}
