using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>
/// An error in the shape of the OCI distribution spec: a code and a message for clients, and a detail for people that says whose fault it is.
/// The one table from what happened to what is answered is here.
/// </summary>
/// <param name="Result">The error as metrics and the access log call it: finer than the codes, which are the spec's.</param>
public sealed record RegistryError(int Status, string Code, string Result, string Message)
{
    /// <summary>How long a client is asked to stay away where the upstream did not say.</summary>
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(30);

    public static RegistryError OutsideApi { get; } = new(404, "UNSUPPORTED", "unknown_path", "There is nothing at this path; the registry API is under /v2/.");

    public static RegistryError UnknownPath { get; } = new(404, "UNSUPPORTED", "unknown_path", "This is not a path of the registry API.");

    public static RegistryError InvalidName { get; } = new(400, "NAME_INVALID", "invalid_name", "The repository's name is not valid.");

    public static RegistryError InvalidDigest { get; } = new(400, "DIGEST_INVALID", "invalid_digest", "The digest is not a sha256 or sha512 digest in lower case.");

    /// <summary>404 and not 400: the spec's conformance suite asks for a tag that cannot exist and expects it to be unknown.</summary>
    public static RegistryError InvalidTag { get; } = new(404, "MANIFEST_UNKNOWN", "invalid_tag", "There can be no such tag: a tag is [A-Za-z0-9_][A-Za-z0-9._-]{0,127}.");

    public static RegistryError InvalidPage { get; } = new(400, "PAGINATION_NUMBER_INVALID", "invalid_page", "n must be a number, zero or more.");

    public static RegistryError TooLarge { get; } = new(413, "SIZE_INVALID", "too_large", "The request's body is too large.");

    public static RegistryError RangeNotSatisfiable { get; } = new(416, "RANGE_INVALID", "invalid_range", "The range lies outside the blob.");

    public static RegistryError Internal { get; } = new(500, "UNKNOWN", "internal", "Something went wrong in this server; its log says what.");

    /// <summary>The prefix of the rule that the pull fell under.</summary>
    public string? Rule { get; init; }

    /// <summary>The upstream as users write it.</summary>
    public string? Upstream { get; init; }

    /// <summary>What happened, for people; holds nothing secret.</summary>
    public string? Reason { get; init; }

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The verbs that this path knows, for 405.</summary>
    public string? Allow { get; init; }

    public static RegistryError MethodNotAllowed(string allow) =>
        new(405, "UNSUPPORTED", "method", "This path does not know this method.") { Allow = allow };

    public static RegistryError PushIntoCache(RuleMatch match) =>
        new(403, "DENIED", "push_into_cache", "This repository is a cache of an upstream: push to the upstream.")
        {
            Rule = match.Rule.Prefix,
            Upstream = match.Rule.UpstreamName,
        };

    /// <summary>A request that the server itself could not read.</summary>
    public static RegistryError BadRequest(int status, string reason) => status switch
    {
        413 => TooLarge with { Reason = reason },
        _ => new(status, "UNSUPPORTED", "bad_request", "The request could not be read.") { Reason = reason },
    };

    /// <summary>What the rules say against a pull.</summary>
    public static RegistryError Of(RuleResolution resolution)
    {
        var error = resolution.Verdict switch
        {
            RuleVerdict.Dormant => new RegistryError(403, "DENIED", "dormant", "This upstream needs a credential and is not set up."),
            RuleVerdict.Denied => new RegistryError(403, "DENIED", "not_allowed", "The rule does not allow this repository."),
            RuleVerdict.UnknownNamespace => new RegistryError(403, "DENIED", "unknown_namespace", "There is no rule for this registry."),
            RuleVerdict.NoRule => new RegistryError(404, "NAME_UNKNOWN", "no_rule", "The repository is under no rule."),
            RuleVerdict.Matched => throw new ArgumentException("A match is no error.", nameof(resolution)),
        };
        return error with
        {
            Rule = resolution.Match?.Rule.Prefix,
            Upstream = resolution.Match?.Rule.UpstreamName,
            Reason = resolution.Reason,
        };
    }

    /// <summary>Why a pull has no answer.</summary>
    public static RegistryError Of(PullFailure failure)
    {
        var error = failure.Kind switch
        {
            PullFailureKind.NameUnknown => new RegistryError(404, "NAME_UNKNOWN", "name_unknown", "The repository is not known."),
            PullFailureKind.ManifestUnknown => new RegistryError(404, "MANIFEST_UNKNOWN", "manifest_unknown", "The manifest is not known."),
            PullFailureKind.BlobUnknown => new RegistryError(404, "BLOB_UNKNOWN", "blob_unknown", "The blob is not known."),
            PullFailureKind.Denied => new RegistryError(403, "DENIED", "not_allowed", "The rule does not allow this pull."),
            PullFailureKind.CredentialRefused => new RegistryError(502, "DENIED", "credential_refused", "The upstream refused the credential that this cache has for it."),
            PullFailureKind.UpstreamFailed => new RegistryError(502, "UNAVAILABLE", "upstream_failed", "The upstream failed."),
            PullFailureKind.UpstreamUnreachable => new RegistryError(504, "UNAVAILABLE", "upstream_unreachable", "The upstream could not be reached.") { RetryAfter = DefaultRetryAfter },
            PullFailureKind.Throttled => new RegistryError(429, "TOOMANYREQUESTS", "throttled", "The upstream throttles this cache.") { RetryAfter = DefaultRetryAfter },
            PullFailureKind.NotCached => new RegistryError(504, "UNAVAILABLE", "not_cached", "Not cached, and the request forbids asking the upstream."),
        };
        return error with
        {
            Rule = failure.Rule,
            Upstream = failure.Upstream,
            Reason = failure.Reason,
            RetryAfter = failure.RetryAfter ?? error.RetryAfter,
        };
    }
}
