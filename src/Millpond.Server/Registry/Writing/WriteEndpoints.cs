using Microsoft.AspNetCore.Http;
using Millpond.Server.Access;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Push;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Registry.Writing;

/// <summary>Everything but reading: whether the repository can be written to at all, whether this client may, and then the endpoint of its kind.</summary>
public sealed class WriteEndpoints
{
    private const string Reading = "GET, HEAD";
    private const string ReadingAndDeleting = "GET, HEAD, DELETE";
    private const string ReadingAndWriting = "GET, HEAD, PUT, DELETE";

    private readonly PullThrough pulls;
    private readonly MillpondMetrics metrics;
    private readonly AccessGate gate;
    private readonly UploadEndpoint uploads;
    private readonly ManifestPutEndpoint manifests;
    private readonly DeleteEndpoint deletes;

    public WriteEndpoints(
        PullThroughRules rules, PullThrough pulls, PushServices pushes, AccessGate gate, CatalogDatabase catalog, MillpondMetrics metrics)
    {
        this.pulls = pulls;
        this.metrics = metrics;
        this.gate = gate;
        uploads = new UploadEndpoint(pushes.Blobs, new BlobMounts(pushes.Blobs, pulls, rules, catalog, gate));
        manifests = new ManifestPutEndpoint(pushes.Manifests, catalog.Control);
        deletes = new DeleteEndpoint(pushes.Deletion, pulls);
    }

    /// <param name="linkRoot">What stands before the path in <c>Location</c>: the public URL, or nothing.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RegistryPath path, RuleResolution resolution, Door door, string linkRoot)
    {
        if (ActionOf(path.Kind, context.Request.Method) is not { } action)
        {
            return await RegistryErrorWriter.WriteAsync(context, Misdirected(path.Kind, context.Request.Method));
        }

        if (action == RegistryAction.Push)
        {
            PushBody.Allow(context);
        }

        var answer = action == RegistryAction.Delete
            ? await DeleteAsync(context, path, resolution, door)
            : await PushAsync(context, path, resolution, door, linkRoot);
        metrics.Write(action == RegistryAction.Delete ? "delete" : "push", answer.Result);
        return answer;
    }

    /// <summary>What is wanted; null where the path does not know the method.</summary>
    private static RegistryAction? ActionOf(RegistryPathKind kind, string method) => kind switch
    {
        RegistryPathKind.Upload => RegistryAction.Push,
        RegistryPathKind.Manifest or RegistryPathKind.InvalidTag when HttpMethods.IsPut(method) => RegistryAction.Push,
        RegistryPathKind.Manifest or RegistryPathKind.Blob or RegistryPathKind.InvalidTag when HttpMethods.IsDelete(method) => RegistryAction.Delete,
        _ => null,
    };

    private static RegistryError Misdirected(RegistryPathKind kind, string method) => kind switch
    {
        RegistryPathKind.Manifest or RegistryPathKind.InvalidTag => RegistryError.MethodNotAllowed(ReadingAndWriting),
        RegistryPathKind.Blob => RegistryError.MethodNotAllowed(ReadingAndDeleting),
        RegistryPathKind.Version or RegistryPathKind.Catalog or RegistryPathKind.Tags or RegistryPathKind.Referrers => RegistryError.MethodNotAllowed(Reading),
        RegistryPathKind.InvalidDigest or RegistryPathKind.InvalidName when HttpMethods.IsPut(method) || HttpMethods.IsDelete(method) || HttpMethods.IsPost(method) =>
            RegistryError.Of(kind),
        RegistryPathKind.InvalidDigest or RegistryPathKind.InvalidName => RegistryError.MethodNotAllowed(Reading),
        _ => RegistryError.Of(kind),
    };

    private async ValueTask<RegistryAnswer> PushAsync(HttpContext context, RegistryPath path, RuleResolution resolution, Door door, string linkRoot)
    {
        var own = new Place(resolution.Match?.Repository ?? path.Repository, null);
        var permissions = RegistryWish.PermissionsFor(path, context.Request);
        if (!resolution.MayBeLocal)
        {
            // Nobody pushes there; but who has not logged in is told that first, and not what there is.
            var wish = new RegistryWish(RegistryAction.Push, own.Name, permissions, resolution.Match?.Rule);
            return await gate.FindRefusalAsync(context, door, wish) is { Status: 401 } unknown ? await RegistryErrorWriter.WriteAsync(context, unknown)
                : await RegistryErrorWriter.WriteAsync(context, resolution.Match is { } match ? RegistryError.PushIntoCache(match) : RegistryError.Of(resolution));
        }

        var isThere = await pulls.Local.HasRepositoryAsync(own.Name);
        if (!isThere)
        {
            permissions = permissions.Add(AccessNames.NewRepository);
        }

        if (await gate.FindRefusalAsync(context, door, new RegistryWish(RegistryAction.Push, own.Name, permissions)) is { } refusal)
        {
            return await RegistryErrorWriter.WriteAsync(context, refusal);
        }

        // By ROOT alone it may be either: it stays what it is.
        if (resolution.Match is { } root && !isThere && await pulls.HasCacheAsync(root))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.PushIntoCache(root));
        }

        return path.Kind switch
        {
            RegistryPathKind.Upload => await uploads.AnswerAsync(context, own.Name, path.Repository, path.Reference, door, linkRoot),
            RegistryPathKind.InvalidTag => await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidTagToPush),
            _ => await manifests.AnswerAsync(context, own.Name, path.Repository, path, linkRoot),
        };
    }

    private async ValueTask<RegistryAnswer> DeleteAsync(HttpContext context, RegistryPath path, RuleResolution resolution, Door door)
    {
        var name = resolution.Match?.Repository ?? path.Repository;
        if (await gate.FindRefusalAsync(context, door, new RegistryWish(RegistryAction.Delete, name, RegistryWish.PermissionsFor(path, context.Request), resolution.Match?.Rule)) is { } refusal)
        {
            return await RegistryErrorWriter.WriteAsync(context, refusal);
        }

        if (path.Kind == RegistryPathKind.InvalidTag)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidTag);
        }

        // What the rules keep from a pull may be here from before: it is deleted all the same.
        var place = await RegistryEndpoints.PlaceOfAsync(pulls, path, resolution)
            ?? (resolution is { Verdict: RuleVerdict.Denied, Match: { } kept } ? new Place(kept.Repository, kept) : null);
        return place is { } found
            ? await deletes.AnswerAsync(context, found, path)
            : await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(resolution));
    }
}
