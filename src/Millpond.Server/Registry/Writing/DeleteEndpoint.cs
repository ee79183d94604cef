using Microsoft.AspNetCore.Http;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Push;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Writing;

/// <summary>
/// DELETE of a tag, manifest or blob. In a repository of this server's own it is gone then; in a cache it is forgotten, and the next pull asks
/// upstream.
/// </summary>
public sealed class DeleteEndpoint(ContentDeletion deletion, PullThrough pulls)
{
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Place place, RegistryPath path)
    {
        var failure = place.Cached is { } target ? await DropAsync(target, path) : await DeleteAsync(place, path);
        if (failure is not null)
        {
            return await RegistryErrorWriter.WriteAsync(context, failure with { Rule = place.Rule });
        }

        context.Response.StatusCode = StatusCodes.Status202Accepted;
        context.Response.ContentLength = 0;
        return new(context.Response.StatusCode, 0, place.Cached is null ? "deleted" : "dropped", place.Rule);
    }

    private async ValueTask<RegistryError?> DeleteAsync(Place place, RegistryPath path)
    {
        var result = path switch
        {
            { Kind: RegistryPathKind.Blob } => await deletion.BlobAsync(place.Name, path.Digest),
            { Digest.IsEmpty: false } => await deletion.ManifestAsync(place.Name, path.Digest),
            _ => await deletion.TagAsync(place.Name, path.Reference),
        };
        return result.IsDone ? null : RegistryError.Of(result.Failure);
    }

    private async ValueTask<RegistryError?> DropAsync(RuleMatch target, RegistryPath path)
    {
        try
        {
            var wasHere = path switch
            {
                { Kind: RegistryPathKind.Blob } => await pulls.DropBlobAsync(target, path.Digest),
                { Digest.IsEmpty: false } => await pulls.DropManifestAsync(target, path.Digest),
                _ => await pulls.DropTagAsync(target, path.Reference),
            };
            var absent = path.Kind == RegistryPathKind.Blob ? PushFailureKind.BlobUnknown : PushFailureKind.ManifestUnknown;
            return wasHere ? null : RegistryError.Of(new PushFailure(absent, $"'{target.Repository}' does not have {path.Reference} here"));
        }
        catch (CatalogUnwrittenException)
        {
            return RegistryError.Of(new PushFailure(PushFailureKind.Unwritten, "the catalog could not be written; nothing was dropped"));
        }
    }
}
