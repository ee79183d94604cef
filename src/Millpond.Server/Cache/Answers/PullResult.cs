using System.Diagnostics.CodeAnalysis;
using System.Net;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;

namespace Millpond.Server.Cache.Answers;

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
public sealed record PullFailure(PullFailureKind Kind, string Reason, string? Rule = null, string? Upstream = null, TimeSpan? RetryAfter = null)
{
    /// <summary>It is not here, and the client may not have upstream asked for it.</summary>
    public static PullFailure NotImported(PullThroughRule rule) =>
        new(PullFailureKind.Denied, "it is not here, and you have no right to have it fetched", rule.Prefix, rule.UpstreamName);
}

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
/// <param name="Client">The client's address, for a fair share of an upstream's slots; null for the cache's own work.</param>
public readonly record struct PullOptions(bool NoCache, bool OnlyIfCached, bool WarmUp = false, IPAddress? Client = null)
{
    /// <summary>Whether the client has (yet) no right to have upstream asked for what is not here; due checks are the server's own.</summary>
    public bool MayNotAsk { get; init; }

    /// <summary>A HEAD: what is only asked for is not used, so it is no last pull.</summary>
    public bool IsHead { get; init; }

    /// <summary>Who has logged in, whose share of the slots it counts for; null for nobody.</summary>
    public string? Principal { get; init; }

    /// <summary>Whether what is not here is answered as that.</summary>
    public bool IsFromHereOnly => OnlyIfCached || MayNotAsk;

    /// <summary>Upstream is asked for what is not here.</summary>
    public Asker AsPull => As(RequestReason.Pull);

    /// <summary>Upstream is asked whether this repository has what is stored here.</summary>
    public Asker AsProof => As(RequestReason.Proof);

    /// <summary>A tag or list is due.</summary>
    public Asker AsCheck => new(RequestReason.Check, Principal ?? Asker.ClientAt(Client));

    /// <summary>Made only where upstream is asked: what is here costs no name.</summary>
    private Asker As(RequestReason reason) => new(WarmUp ? RequestReason.WarmUp : reason, Principal ?? Asker.ClientAt(Client));
}
