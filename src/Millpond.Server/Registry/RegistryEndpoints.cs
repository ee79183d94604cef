using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Registry;

/// <summary>The registry API: reads the path, asks the rules, and hands over to the endpoint of its kind.</summary>
public sealed class RegistryEndpoints(
    ServerConfiguration configuration, PullThroughRules rules, PullThrough pulls, CatalogDatabase catalog, TimeProvider time, MillpondMetrics metrics)
{
    private const string Reading = "GET, HEAD";

    private readonly ManifestEndpoint manifests = new(pulls);
    private readonly BlobEndpoint blobs = new(pulls, new BlobResponse(time, metrics));
    private readonly TagsEndpoint tags = new(pulls);
    private readonly ReferrersEndpoint referrers = new(pulls);
    private readonly CatalogEndpoint repositories = new(catalog, rules);
    private readonly FrozenSet<string> ruleHosts = rules.All.SelectMany(rule => rule.Hosts).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    private readonly string publicRoot = configuration.PublicUrl?.ToString().TrimEnd('/') ?? "";

    /// <param name="listenerRule">The prefix of the rule that the whole listener is for, or null.</param>
    public ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, string? listenerRule)
    {
        context.Response.Headers[RegistryHeaders.ApiVersion] = RegistryHeaders.ApiVersionValue;
        var path = RegistryPath.Parse(context.Request.Path.Value);
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            return RefuseAsync(context, path, listenerRule);
        }

        return path.Kind switch
        {
            RegistryPathKind.Manifest or RegistryPathKind.Blob or RegistryPathKind.Tags or RegistryPathKind.Referrers =>
                PullAsync(context, path, listenerRule),
            RegistryPathKind.Version => VersionEndpoint.AnswerAsync(context),
            RegistryPathKind.Catalog => repositories.AnswerAsync(context, LinkRoot(context, listenerRule), listenerRule),
            RegistryPathKind.Upload => RefuseAsync(context, path, listenerRule),
            RegistryPathKind.Outside => RegistryErrorWriter.WriteAsync(context, RegistryError.OutsideApi),
            RegistryPathKind.Unknown => RegistryErrorWriter.WriteAsync(context, RegistryError.UnknownPath),
            RegistryPathKind.InvalidName => RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidName),
            RegistryPathKind.InvalidDigest => RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidDigest),
            RegistryPathKind.InvalidTag => RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidTag),
        };
    }

    private async ValueTask<RegistryAnswer> PullAsync(HttpContext context, RegistryPath path, string? listenerRule)
    {
        var resolution = Resolve(context.Request, path, listenerRule);
        var answer = resolution is { Verdict: RuleVerdict.Matched, Match: { } target }
            ? await AnswerAsync(context, path, target, listenerRule)
            : await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(resolution));
        var rule = answer.Rule ?? resolution.Match?.Rule.Prefix;
        metrics.Pull(KindText(path.Kind), rule ?? "none", answer.Result);
        return answer with { Rule = rule };
    }

    private ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RegistryPath path, RuleMatch target, string? listenerRule) => path.Kind switch
    {
        RegistryPathKind.Manifest => manifests.AnswerAsync(context, target, path.Reference),
        RegistryPathKind.Blob => blobs.AnswerAsync(context, target, path.Digest),
        RegistryPathKind.Tags => tags.AnswerAsync(context, target, path.Repository, LinkRoot(context, listenerRule)),
        _ => referrers.AnswerAsync(context, target, path.Digest),
    };

    /// <summary>Nothing is written here yet; what lies under a rule never is, but by pulls.</summary>
    private ValueTask<RegistryAnswer> RefuseAsync(HttpContext context, RegistryPath path, string? listenerRule)
    {
        var isPush = path.Kind == RegistryPathKind.Upload || path.Kind == RegistryPathKind.Manifest && HttpMethods.IsPut(context.Request.Method);
        if (isPush && Resolve(context.Request, path, listenerRule).Match is { } cached)
        {
            return RegistryErrorWriter.WriteAsync(context, RegistryError.PushIntoCache(cached));
        }

        return path.Kind switch
        {
            RegistryPathKind.Outside => RegistryErrorWriter.WriteAsync(context, RegistryError.OutsideApi),
            RegistryPathKind.Unknown => RegistryErrorWriter.WriteAsync(context, RegistryError.UnknownPath),
            RegistryPathKind.Upload => RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed("")),
            _ => RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed(Reading)),
        };
    }

    private RuleResolution Resolve(HttpRequest request, RegistryPath path, string? listenerRule)
    {
        var ns = request.QueryString.HasValue ? request.Query["ns"].ToString() : "";
        return rules.Resolve(path.Repository, ns.Length == 0 ? null : ns, request.Host.Value, listenerRule);
    }

    /// <summary>A rule's own host or listener has names of its own, so there the next page is named relative to it.</summary>
    private string LinkRoot(HttpContext context, string? listenerRule) =>
        listenerRule is null && !ruleHosts.Contains(context.Request.Host.Host) ? publicRoot : "";

    private static string KindText(RegistryPathKind kind) => kind switch
    {
        RegistryPathKind.Manifest => "manifest",
        RegistryPathKind.Blob => "blob",
        RegistryPathKind.Tags => "tags",
        _ => "referrers",
    };
}
