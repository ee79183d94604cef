using Millpond.Server.Cache.Answers;
using Millpond.Server.Push;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Answers;

/// <summary>
/// An error in the shape of the OCI distribution spec: a code and a message for clients, and a detail for people that says whose fault it is.
/// The one table from what happened to what is answered is here.
/// </summary>
/// <param name="Result">The error as metrics and the access log call it: finer than the codes, which are the spec's.</param>
public sealed record RegistryError(int Status, string Code, string Result, string Message)
{
    /// <summary>How long a client is asked to stay away where the upstream did not say.</summary>
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(30);

    /// <summary>Some eight lines of a terminal: a client repeats it for each try.</summary>
    private const int LongestMessage = 700;

    public static RegistryError OutsideApi { get; } = new(404, "UNSUPPORTED", "unknown_path", "There is nothing at this path; the registry API is under /v2/.");

    public static RegistryError UnknownPath { get; } = new(404, "UNSUPPORTED", "unknown_path", "This is not a path of the registry API.");

    public static RegistryError InvalidName { get; } = new(400, "NAME_INVALID", "invalid_name", "The repository's name is not valid.");

    public static RegistryError InvalidDigest { get; } = new(400, "DIGEST_INVALID", "invalid_digest", "The digest is not a sha256 or sha512 digest in lower case.");

    /// <summary>404 and not 400: the spec's conformance suite asks for a tag that cannot exist and expects it to be unknown.</summary>
    public static RegistryError InvalidTag { get; } = new(404, "MANIFEST_UNKNOWN", "invalid_tag", "There can be no such tag: a tag is [A-Za-z0-9_][A-Za-z0-9._-]{0,127}.");

    public static RegistryError InvalidTagToPush { get; } = new(400, "MANIFEST_INVALID", "invalid_tag", "There can be no such tag: a tag is [A-Za-z0-9_][A-Za-z0-9._-]{0,127}.");

    public static RegistryError ManifestTooLarge { get; } = new(413, "SIZE_INVALID", "too_large", "A manifest has at most 4 MiB.");

    public static RegistryError TooManyManifests { get; } = new(429, "TOOMANYREQUESTS", "too_many_manifests", "Too many manifests come at once; try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    public static RegistryError InvalidPage { get; } = new(400, "PAGINATION_NUMBER_INVALID", "invalid_page", "n must be a number, zero or more.");

    public static RegistryError TooLarge { get; } = new(413, "SIZE_INVALID", "too_large", "The request's body is too large.");

    public static RegistryError RangeNotSatisfiable { get; } = new(416, "RANGE_INVALID", "invalid_range", "The range lies outside the blob.");

    public static RegistryError NotMyName { get; } =
        new(421, "DENIED", "not_my_name", "This listener is on loopback and answers to loopback names only; further names are set by publicUrl and hosts.");

    public static RegistryError Internal { get; } = new(500, "UNKNOWN", "internal", "Something went wrong in this server; its log says what.");

    public static RegistryError CatalogUnreadable { get; } =
        new(503, "UNAVAILABLE", "catalog_unreadable", "This server's catalog cannot be read at the moment; try again.")
        {
            Reason = "another program holds the catalog, or its disk fails; the server's log and /readyz say which",
            RetryAfter = TimeSpan.FromSeconds(1),
        };

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

    public static RegistryError LoginNeeded { get; } = new(401, "UNAUTHORIZED", "login_needed", "Log in first: no basic auth credentials.");

    public static RegistryError LoginWrong { get; } = new(
        401, "UNAUTHORIZED", "login_wrong", "The login is not one of this server's. Passwords and tokens are taken over https alone, but for this machine.");

    public static RegistryError TokenExpired { get; } = new(401, "UNAUTHORIZED", "token_expired", "Your authorization token has expired. Reauthenticate and try again.");

    /// <summary>Which permission is missing stands in the audit line, not in the answer.</summary>
    public static RegistryError AccessDenied { get; } = new(403, "DENIED", "access_denied", "You are not authorized to do this to this repository.");

    public static RegistryError TooManyTries(TimeSpan wait) =>
        new(429, "TOOMANYREQUESTS", "too_many_tries", "Too many wrong passwords: none is looked at for a while.") { RetryAfter = wait };

    public static RegistryError MayNotWrite(string verb) =>
        new(403, "DENIED", "may_not_write", $"Nobody may {verb} here: without access rules that is for clients on the server's own machine, at a loopback listener, without 'publicUrl', 'trustedProxies' or a proxy between.");

    public static RegistryError ForeignPage(string verb) =>
        new(403, "DENIED", "foreign_page", $"A page of another site may not {verb} here (Origin, Sec-Fetch-Site).");

    public static RegistryError PushIntoCache(RuleMatch match) =>
        new(403, "DENIED", "push_into_cache", $"This repository is a cache of {match.Rule.UpstreamName} by the rule '{match.Rule.Prefix}': push to the upstream.")
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

    /// <summary>A path that leads to nothing.</summary>
    public static RegistryError Of(RegistryPathKind kind) => kind switch
    {
        RegistryPathKind.Outside => OutsideApi,
        RegistryPathKind.InvalidName => InvalidName,
        RegistryPathKind.InvalidDigest => InvalidDigest,
        RegistryPathKind.InvalidTag => InvalidTag,
        _ => UnknownPath,
    };

    /// <summary>What the rules say against a pull.</summary>
    public static RegistryError Of(RuleResolution resolution)
    {
        var (status, code, result) = resolution.Verdict switch
        {
            RuleVerdict.Dormant => (403, "DENIED", "dormant"),
            RuleVerdict.Denied => (403, "DENIED", "not_allowed"),
            RuleVerdict.UnknownNamespace => (403, "DENIED", "unknown_namespace"),
            RuleVerdict.NoRule => (404, "NAME_UNKNOWN", "no_rule"),
            RuleVerdict.Matched => throw new ArgumentException("A match is no error.", nameof(resolution)),
        };
        return new(status, code, result, Bounded(resolution.Reason))
        {
            Rule = resolution.Match?.Rule.Prefix,
            Upstream = resolution.Match?.Rule.UpstreamName,
            Reason = resolution.Reason,
        };
    }

    /// <summary>Why a pull has no answer. Some clients show the message alone, so it names upstream and remedy itself.</summary>
    /// <param name="asked">What was asked for, as the upstream calls it.</param>
    public static RegistryError Of(PullFailure failure, string asked)
    {
        var upstream = failure.Upstream ?? "its upstream";
        var because = failure.Reason.Length == 0 ? "" : $": {failure.Reason}";
        var (status, code, result, message) = failure.Kind switch
        {
            PullFailureKind.NameUnknown => (404, "NAME_UNKNOWN", "name_unknown", $"{asked} is not known{because}"),
            PullFailureKind.ManifestUnknown => (404, "MANIFEST_UNKNOWN", "manifest_unknown", $"{asked} is not known{because}"),
            PullFailureKind.BlobUnknown => (404, "BLOB_UNKNOWN", "blob_unknown", $"{asked} is not known{because}"),
            PullFailureKind.Denied => (403, "DENIED", "not_allowed", $"{asked} may not be pulled here{because}"),
            PullFailureKind.CredentialRefused => (502, "DENIED", "credential_refused", $"{asked} cannot be pulled from {upstream}{because}"),
            PullFailureKind.UpstreamFailed => (502, "UNAVAILABLE", "upstream_failed", $"{upstream} failed; nothing cached for {asked}{because}"),
            PullFailureKind.UpstreamUnreachable => (504, "UNAVAILABLE", "upstream_unreachable", $"{upstream} cannot be reached; nothing cached for {asked}{because}"),
            PullFailureKind.Throttled => (429, "TOOMANYREQUESTS", "throttled", $"{upstream} throttles this cache; nothing cached for {asked}{because}"),
            PullFailureKind.NotCached => (504, "UNAVAILABLE", "not_cached", $"{asked} is not cached, and the request forbids asking {upstream}"),
        };
        var waits = failure.Kind is PullFailureKind.UpstreamUnreachable or PullFailureKind.Throttled;
        return new(status, code, result, Bounded(message))
        {
            Rule = failure.Rule,
            Upstream = failure.Upstream,
            Reason = failure.Reason,
            RetryAfter = failure.RetryAfter ?? (waits ? DefaultRetryAfter : null),
        };
    }

    /// <summary>Why a push or a delete is refused.</summary>
    public static RegistryError Of(PushFailure failure)
    {
        var (status, code, result, what) = failure.Kind switch
        {
            PushFailureKind.UploadUnknown => (404, "BLOB_UPLOAD_UNKNOWN", "upload_unknown", "There is no such upload"),
            PushFailureKind.OutOfOrder => (416, "BLOB_UPLOAD_INVALID", "out_of_order", "The chunk does not go on where the upload stands"),
            PushFailureKind.UploadInvalid => (400, "BLOB_UPLOAD_INVALID", "upload_invalid", "The chunk cannot be taken"),
            PushFailureKind.DigestInvalid => (400, "DIGEST_INVALID", "digest_invalid", "The content is not what its digest says"),
            PushFailureKind.SizeInvalid => (400, "SIZE_INVALID", "size_invalid", "The content has another length than was said"),
            PushFailureKind.ManifestInvalid => (400, "MANIFEST_INVALID", "manifest_invalid", "The manifest cannot be taken"),
            PushFailureKind.ChildUnknown => (400, "MANIFEST_BLOB_UNKNOWN", "child_unknown", "The manifest names what is not here"),
            PushFailureKind.ManifestUnknown => (404, "MANIFEST_UNKNOWN", "manifest_unknown", "There is no such manifest"),
            PushFailureKind.TagFixed => (400, "TAG_INVALID", "tag_fixed", "The tag cannot be moved"),
            PushFailureKind.BlobUnknown => (404, "BLOB_UNKNOWN", "blob_unknown", "There is no such blob"),
            PushFailureKind.StillNeeded => (409, "DENIED", "still_needed", "It is needed"),
            PushFailureKind.TooManyUploads => (429, "TOOMANYREQUESTS", "too_many_uploads", "Too many uploads are under way"),
            PushFailureKind.NoRoom => (507, "UNAVAILABLE", "no_room", "There is no room for it"),
            PushFailureKind.Unwritten => (503, "UNAVAILABLE", "unwritten", "It was not kept"),
        };
        var waits = failure.Kind is PushFailureKind.TooManyUploads or PushFailureKind.Unwritten;
        return new(status, code, result, Bounded($"{what}: {failure.Reason}")) { Reason = failure.Reason, RetryAfter = waits ? DefaultRetryAfter : null };
    }

    /// <summary>On one line and no longer than a terminal's screen has room for; the detail has the whole.</summary>
    private static string Bounded(string message)
    {
        var line = message.ReplaceLineEndings(" ");
        return line.Length <= LongestMessage ? line : string.Concat(line.AsSpan(0, line.LastIndexOf(' ', LongestMessage) is > 0 and var space ? space : LongestMessage), "…");
    }
}
