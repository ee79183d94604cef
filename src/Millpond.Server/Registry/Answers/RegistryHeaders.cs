using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry.Answers;

/// <summary>The headers of a pull's answer that the framework has no names for.</summary>
internal static class RegistryHeaders
{
    public const string ApiVersion = "Docker-Distribution-Api-Version";
    public const string ApiVersionValue = "registry/2.0";
    public const string ContentDigest = "Docker-Content-Digest";
    public const string Cache = "Millpond-Cache";
    public const string Priority = "Millpond-Priority";
    public const string WarmUp = "warm-up";
    public const string ListCut = "Millpond-List-Cut";
    public const string FiltersApplied = "OCI-Filters-Applied";
    public const string NoTransform = "no-transform";
    public const string StaleWarning = "110 - \"Response is Stale\"";

    /// <summary>What every answer has. What an upstream holds is its users' doing, so no browser is to guess what it might be.</summary>
    public static void SetCommon(IHeaderDictionary headers)
    {
        headers[ApiVersion] = ApiVersionValue;
        headers.XContentTypeOptions = "nosniff";
    }

    public static string Text(CacheStatus status) => status switch
    {
        CacheStatus.Hit => "hit",
        CacheStatus.Miss => "miss",
        CacheStatus.Stale => "stale",
        CacheStatus.Revalidated => "revalidated",
    };

    public static void SetCache(IHeaderDictionary headers, CacheStatus status)
    {
        headers[Cache] = Text(status);
        if (status == CacheStatus.Stale)
        {
            headers.Warning = StaleWarning;
        }
    }

    /// <summary>Says after how many entries upstream's list was cut; nothing where it is whole.</summary>
    public static void SetCut(IHeaderDictionary headers, long? cutAt)
    {
        if (cutAt is { } count)
        {
            headers[ListCut] = count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Whether <c>If-None-Match</c> names this entity tag (quoted), weakly compared, or any.</summary>
    public static bool IsUnchanged(HttpRequest request, string entityTag)
    {
        var wanted = request.Headers.IfNoneMatch;
        if (wanted.Count == 0)
        {
            return false;
        }

        foreach (var line in wanted)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                var tag = line.AsSpan()[part].Trim(" \t");
                if (tag is "*" || tag.SequenceEqual(entityTag) || (tag.StartsWith("W/", StringComparison.Ordinal) && tag[2..].SequenceEqual(entityTag)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>What the client's <c>Cache-Control</c> and <c>Millpond-Priority</c> ask of this cache. A priority can only be lowered, so anybody may.</summary>
    public static PullOptions ReadOptions(HttpRequest request)
    {
        var control = request.Headers.CacheControl;
        var priority = request.Headers[Priority];
        var client = request.HttpContext.Connection.RemoteIpAddress;
        var options = control.Count == 0 && priority.Count == 0
            ? new PullOptions(NoCache: false, OnlyIfCached: false, Client: client)
            : new(HasDirective(control, "no-cache"), HasDirective(control, "only-if-cached"), HasDirective(priority, WarmUp), client);
        return RegistryCaller.Of(request.HttpContext) is { } caller ? options with { MayNotAsk = caller.MayNotAsk, Principal = caller.Who?.Arn.Text } : options;
    }

    private static bool HasDirective(StringValues control, string directive)
    {
        foreach (var line in control)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                if (line.AsSpan()[part].Trim(" \t").Equals(directive, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
