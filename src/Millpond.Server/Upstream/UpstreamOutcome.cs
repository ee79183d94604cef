namespace Millpond.Server.Upstream;

/// <summary>What came of a request to an upstream. Never an exception for a status code: unreachable, absent and refused are different answers.</summary>
public enum UpstreamOutcome
{
    Found,

    /// <summary>404, or a registry's error code that says so.</summary>
    NotFound,

    /// <summary>401 or 403 although the credential we have (if any) was tried.</summary>
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
