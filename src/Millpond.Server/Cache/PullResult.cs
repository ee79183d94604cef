using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Cache;

/// <summary>What <c>Millpond-Cache</c> says.</summary>
public enum CacheStatus
{
    /// <summary>Served from here, no upstream asked.</summary>
    Hit,

    /// <summary>Fetched for this pull, or joined to a fill.</summary>
    Miss,

    /// <summary>A check was due and failed: served as last seen, with <c>Warning: 110</c>.</summary>
    Stale,

    /// <summary>Checked upstream for this pull and still the same.</summary>
    Revalidated,
}

/// <summary>Why a pull has no answer; the status of each is in one table, <c>Registry/RegistryError</c>.</summary>
public enum PullFailureKind
{
    NameUnknown,
    ManifestUnknown,
    BlobUnknown,

    /// <summary>Dormant preset, or outside <c>allow</c>.</summary>
    Denied,

    /// <summary>The upstream refused the credential of our configuration.</summary>
    CredentialRefused,

    /// <summary>The upstream answered 5xx, with bad TLS, or with content that is not what its digest says.</summary>
    UpstreamFailed,

    /// <summary>Timeout, DNS, refused connection, open breaker.</summary>
    UpstreamUnreachable,

    Throttled,

    /// <summary><c>only-if-cached</c> and not cached.</summary>
    NotCached,
}

/// <param name="Reason">For people; holds nothing secret.</param>
/// <param name="Rule">The rule's prefix.</param>
/// <param name="Upstream">The upstream as users write it.</param>
public sealed record PullFailure(PullFailureKind Kind, string Reason, string? Rule = null, string? Upstream = null, TimeSpan? RetryAfter = null);

/// <summary>A value with its cache status, or a failure.</summary>
public readonly record struct PullResult<T>(T? Value, CacheStatus Status, PullFailure? Failure)
    where T : class
{
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool IsFound => Value is not null;

    public static implicit operator PullResult<T>(PullFailure failure) => new(null, CacheStatus.Miss, failure);
}

/// <param name="NoCache"><c>Cache-Control: no-cache</c>: check a tag upstream although it is fresh.</param>
/// <param name="OnlyIfCached"><c>Cache-Control: only-if-cached</c>: fail rather than ask upstream.</param>
/// <param name="WarmUp"><c>Millpond-Priority: warm-up</c>: nobody waits for it yet, so it comes after every client and all other work.</param>
public readonly record struct PullOptions(bool NoCache, bool OnlyIfCached, bool WarmUp = false)
{
    /// <summary>Why upstream is asked for what is not here.</summary>
    public RequestReason Reason => WarmUp ? RequestReason.WarmUp : RequestReason.Pull;

    /// <summary>Why upstream is asked whether this repository has what is stored here.</summary>
    public RequestReason ProofReason => WarmUp ? RequestReason.WarmUp : RequestReason.Proof;
}
