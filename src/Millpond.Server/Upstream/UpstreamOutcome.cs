namespace Millpond.Server.Upstream;

/// <summary>What came of a request to an upstream. Never an exception for a status code: unreachable, absent and refused are different answers.</summary>
public enum UpstreamOutcome
{
    Found,

    /// <summary>
    /// Absent, with a registry's sign that it is one who says so: its error code, its API-version header, or a <c>/v2/</c> that answers like
    /// a registry's. A 404 without is <see cref="BadAnswer"/>: an ingress has one for every path while what is behind it is away.
    /// </summary>
    NotFound,

    /// <summary>
    /// 401 or 403 of a registry or its token service, although the credential we have (if any) was tried; whose fault it is says
    /// <see cref="UpstreamResult{T}.IsCredentialRefused"/>.
    /// </summary>
    Refused,

    /// <summary>429.</summary>
    Throttled,

    /// <summary>5xx, from the registry, its token service or its blob host.</summary>
    ServerError,

    /// <summary>The certificate or the TLS handshake failed.</summary>
    TlsFailure,

    /// <summary>An answer that breaks the protocol: a digest header that is not the body's, too large a manifest, a refused redirect or realm.</summary>
    BadAnswer,

    /// <summary>Nothing came in time.</summary>
    Timeout,

    /// <summary>DNS failure, refused or broken connection.</summary>
    Unreachable,
}
