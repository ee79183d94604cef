using Microsoft.AspNetCore.Http;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Push;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;
using Millpond.Server.Registry.Lists;
using Millpond.Server.Registry.Writing;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Registry;

/// <summary>The registry API: reads the path, asks the rules, and hands over to the endpoint of its kind.</summary>
public sealed class RegistryEndpoints(
    ServerConfiguration configuration, PullThroughRules rules, PullThrough pulls, PushServices pushes, AccessServices access, AccessGate gate, CatalogDatabase catalog,
    TimeProvider time, MillpondMetrics metrics)
{
    private readonly ManifestEndpoint manifests = new(pulls, gate);
    private readonly BlobEndpoint blobs = new(pulls, gate, new BlobResponse(time, metrics));
    private readonly TagsEndpoint tags = new(pulls, gate);
    private readonly ReferrersEndpoint referrers = new(pulls, gate);
    private readonly CatalogEndpoint repositories = new(catalog, rules, pulls, gate, new CatalogCursor(access.Ring));
    private readonly TokenEndpoint tokens = new(gate, access, time);
    private readonly VersionEndpoint version = new(gate);
    private readonly WriteEndpoints writes = new(rules, pulls, pushes, gate, catalog, metrics);
    private readonly string publicRoot = configuration.PublicUrl?.ToString().TrimEnd('/') ?? "";

    public ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Door door)
    {
        RegistryHeaders.SetCommon(context.Response.Headers);
        if (context.Request.Path.Value == Challenge.TokenPath)
        {
            return tokens.AnswerAsync(context, door);
        }

        var path = RegistryPath.Parse(context.Request.Path.Value);
        if (path.Kind == RegistryPathKind.Upload || !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            return writes.AnswerAsync(context, path, Resolve(context.Request, path, door.Rule), door, LinkRoot(context, door.Rule));
        }

        return path.Kind switch
        {
            RegistryPathKind.Manifest or RegistryPathKind.Blob or RegistryPathKind.Tags or RegistryPathKind.Referrers => PullAsync(context, path, door),
            RegistryPathKind.Version => version.AnswerAsync(context, door),
            RegistryPathKind.Catalog => repositories.AnswerAsync(context, LinkRoot(context, door.Rule), door),
            _ => RegistryErrorWriter.WriteAsync(context, RegistryError.Of(path.Kind)),
        };
    }

    private async ValueTask<RegistryAnswer> PullAsync(HttpContext context, RegistryPath path, Door door)
    {
        var started = time.GetTimestamp();
        var resolution = Resolve(context.Request, path, door.Rule);
        RegistryAnswer answer;
        Place? place = null;
        try
        {
            place = await PlaceOfAsync(pulls, path, resolution) ?? Unmade(path, resolution);
            answer = await FindRefusalAsync(context, door, path, resolution, place) is { } refusal ? await RegistryErrorWriter.WriteAsync(context, refusal)
                : place is { } found ? await AnswerAsync(context, path, found, door.Rule)
                : await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(resolution));
        }
        catch (CatalogUnreadableException)
        {
            // Answered where all requests are; counted here, where it is known to be a pull.
            metrics.Pull(
                KindText(path.Kind), resolution.Match?.Rule.Prefix ?? "none", RegistryError.CatalogUnreadable.Result, time.GetElapsedTime(started));
            throw;
        }

        // What was pushed is pulled by no rule, also where ROOT would match its name.
        var rule = answer.Rule ?? (place is { Cached: null } ? null : resolution.Match?.Rule.Prefix);
        metrics.Pull(KindText(path.Kind), rule ?? "none", answer.Result, time.GetElapsedTime(started));
        return answer with { Rule = rule };
    }

    /// <summary>Before anything that is here or remembered: whether this client may, and whether upstream may be asked for its sake.</summary>
    private async ValueTask<RegistryError?> FindRefusalAsync(HttpContext context, Door door, RegistryPath path, RuleResolution resolution, Place? place)
    {
        // A repository of this server's own may lie under ROOT: what that rule gives to all is not meant for it.
        var target = place is { Cached: null } ? null : resolution.Match;
        var name = place?.Name ?? resolution.Match?.Repository ?? path.Repository;
        var wish = new RegistryWish(RegistryAction.Pull, name, RegistryWish.PermissionsFor(path, context.Request), target?.Rule);
        if (path.Kind == RegistryPathKind.Blob && context.Request.Query.TryGetValue(RegistryTokens.LayerParameter, out var token)
            && access.Tokens.FindKeyOfLayer(token.ToString(), name.ToString(), path.Reference) is { } keyId
            && await access.Principals.FindKeyAsync(keyId) is { } key && !(key.ExpiresAt <= time.GetUtcNow()))
        {
            return null;
        }

        if (await gate.FindRefusalAsync(context, door, wish) is { } refusal)
        {
            return refusal;
        }

        if (target is null || target.Rule.Access == AccessMode.Anonymous && configuration.Access == AccessMode.Anonymous)
        {
            return null;
        }

        var caller = await gate.IdentifyAsync(context, door);
        caller.MayNotAsk = target.Rule.Access == AccessMode.Token;

        // What is given to all does not hold for a check that is forced.
        var isForced = RegistryHeaders.ReadOptions(context.Request) is { NoCache: true };
        return isForced && !await gate.MayForceAsync(context, caller, target) ? RegistryError.AccessDenied : null;
    }

    private ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RegistryPath path, Place place, string? listenerRule) => path.Kind switch
    {
        RegistryPathKind.Manifest => manifests.AnswerAsync(context, place, path.Reference),
        RegistryPathKind.Blob => blobs.AnswerAsync(context, place, path.Digest),
        RegistryPathKind.Tags => tags.AnswerAsync(context, place, path.Repository, LinkRoot(context, listenerRule)),
        _ => referrers.AnswerAsync(context, place, path.Digest, LinkRoot(context, listenerRule)),
    };

    /// <summary>Whose the repository is that was asked for; null where it is nobody's.</summary>
    internal static ValueTask<Place?> PlaceOfAsync(PullThrough pulls, RegistryPath path, RuleResolution resolution)
    {
        var cached = resolution is { Verdict: RuleVerdict.Matched, Match: { } target } ? new Place(target.Repository, target) : (Place?)null;
        return resolution.MayBeLocal ? OwnFirstAsync(pulls, new Place(resolution.Match?.Repository ?? path.Repository, null), cached) : new(cached);

        // Static: what it captured would be allocated on each pull, also on those that do not come here.
        static async ValueTask<Place?> OwnFirstAsync(PullThrough pulls, Place own, Place? cached) => await pulls.Local.HasRepositoryAsync(own.Name) ? own : cached;
    }

    /// <summary>A repository that is still to be made has no referrers: a 404 would tell clients that this server does not know the question.</summary>
    private static Place? Unmade(RegistryPath path, RuleResolution resolution) =>
        resolution.MayBeLocal && path.Kind == RegistryPathKind.Referrers ? new Place(path.Repository, null) : null;

    private RuleResolution Resolve(HttpRequest request, RegistryPath path, string? listenerRule)
    {
        var ns = request.QueryString.HasValue ? request.Query["ns"].ToString() : "";
        return rules.Resolve(path.Repository, ns.Length == 0 ? null : ns, request.Host.Value, listenerRule);
    }

    /// <summary>A rule's own host or listener has names of its own, so there the next page is named relative to it.</summary>
    private string LinkRoot(HttpContext context, string? listenerRule) =>
        listenerRule is null && !rules.IsRuleHost(context.Request.Host.Host) ? publicRoot : "";

    private static string KindText(RegistryPathKind kind) => kind switch
    {
        RegistryPathKind.Manifest => "manifest",
        RegistryPathKind.Blob => "blob",
        RegistryPathKind.Tags => "tags",
        _ => "referrers",
    };
}
