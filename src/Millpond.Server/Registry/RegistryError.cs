using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>
/// An error in the shape of the OCI distribution spec: a code and a message for clients, and a detail for people that says whose fault it is.
/// The one table from what happened to what is answered is here.
/// </summary>
public sealed record RegistryError(int Status, string Code, string Message)
{
    /// <summary>How long a client is asked to stay away where the upstream did not say.</summary>
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(30);

    public static RegistryError OutsideApi { get; } = new(404, "UNSUPPORTED", "There is nothing at this path; the registry API is under /v2/.");

    public static RegistryError UnknownPath { get; } = new(404, "UNSUPPORTED", "This is not a path of the registry API.");

    public static RegistryError InvalidName { get; } = new(400, "NAME_INVALID", "The repository's name is not valid.");

    public static RegistryError InvalidDigest { get; } = new(400, "DIGEST_INVALID", "The digest is not a sha256 or sha512 digest in lower case.");

    /// <summary>404 and not 400: the spec's conformance suite asks for a tag that cannot exist and expects it to be unknown.</summary>
    public static RegistryError InvalidTag { get; } = new(404, "MANIFEST_UNKNOWN", "There can be no such tag: a tag is [A-Za-z0-9_][A-Za-z0-9._-]{0,127}.");

    public static RegistryError InvalidPage { get; } = new(400, "PAGINATION_NUMBER_INVALID", "n must be a number, zero or more.");

    public static RegistryError TooLarge { get; } = new(413, "SIZE_INVALID", "The request's body is too large.");

    public static RegistryError RangeNotSatisfiable { get; } = new(416, "RANGE_INVALID", "The range lies outside the blob.");

    public static RegistryError Internal { get; } = new(500, "UNKNOWN", "Something went wrong in this server; its log says what.");

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
        new(405, "UNSUPPORTED", "This path does not know this method.") { Allow = allow };

    public static RegistryError PushIntoCache(RuleMatch match) =>
        new(403, "DENIED", "This repository is a cache of an upstream: push to the upstream.")
        {
            Rule = match.Rule.Prefix,
            Upstream = match.Rule.UpstreamName,
        };

    /// <summary>A request that the server itself could not read.</summary>
    public static RegistryError BadRequest(int status, string reason) => status switch
    {
        413 => TooLarge with { Reason = reason },
        _ => new(status, "UNSUPPORTED", "The request could not be read.") { Reason = reason },
    };

    /// <summary>What the rules say against a pull; null where they match.</summary>
    public static RegistryError? Of(RuleResolution resolution)
    {
        var error = resolution.Verdict switch
        {
            RuleVerdict.Matched => null,
            RuleVerdict.Dormant => new RegistryError(403, "DENIED", "This upstream needs a credential and is not set up."),
            RuleVerdict.Denied => new RegistryError(403, "DENIED", "The rule does not allow this repository."),
            RuleVerdict.UnknownNamespace => new RegistryError(403, "DENIED", "There is no rule for this registry."),
            RuleVerdict.NoRule => new RegistryError(404, "NAME_UNKNOWN", "The repository is under no rule."),
        };
        return error is null
            ? null
            : error with
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
            PullFailureKind.NameUnknown => new RegistryError(404, "NAME_UNKNOWN", "The repository is not known."),
            PullFailureKind.ManifestUnknown => new RegistryError(404, "MANIFEST_UNKNOWN", "The manifest is not known."),
            PullFailureKind.BlobUnknown => new RegistryError(404, "BLOB_UNKNOWN", "The blob is not known."),
            PullFailureKind.Denied => new RegistryError(403, "DENIED", "The rule does not allow this pull."),
            PullFailureKind.CredentialRefused => new RegistryError(502, "DENIED", "The upstream refused the credential that this cache has for it."),
            PullFailureKind.UpstreamFailed => new RegistryError(502, "UNAVAILABLE", "The upstream failed."),
            PullFailureKind.UpstreamUnreachable => new RegistryError(504, "UNAVAILABLE", "The upstream could not be reached.") { RetryAfter = DefaultRetryAfter },
            PullFailureKind.Throttled => new RegistryError(429, "TOOMANYREQUESTS", "The upstream throttles this cache.") { RetryAfter = DefaultRetryAfter },
            PullFailureKind.NotCached => new RegistryError(504, "UNAVAILABLE", "Not cached, and the request forbids asking the upstream."),
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
