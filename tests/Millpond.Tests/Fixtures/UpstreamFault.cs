namespace Millpond.Tests.Fixtures;

/// <summary>What an upstream can do wrong. Every value has a row in the fault matrix.</summary>
public enum UpstreamFault
{
    /// <summary>The connection ends after the headers.</summary>
    CutAtStart,
    CutAfterOneByte,
    CutAtHalf,
    CutAtNinetyPercent,
    CutBeforeLastByte,

    /// <summary>200 with the whole body instead of 206.</summary>
    IgnoresRange,

    /// <summary>206 that begins one byte too early.</summary>
    WrongRangeStart,

    /// <summary>The right length, one byte flipped.</summary>
    WrongBytes,

    /// <summary>A Content-Length of zero and nothing after it.</summary>
    EmptyBody,

    /// <summary>A Content-Length and a body that are one byte short.</summary>
    ShortContentLength,

    /// <summary>A Content-Length that promises more than comes.</summary>
    LongContentLength,

    /// <summary>Chunked, no length.</summary>
    NoContentLength,

    /// <summary>Content-Encoding: gzip although nobody asked for it.</summary>
    GzipBody,

    /// <summary>401 with a challenge to a request that resumes a body.</summary>
    UnauthorizedOnResume,

    /// <summary>The blob host says that the signed URL has expired.</summary>
    ExpiredRedirect,
    ThrottledWithRetryAfter,
    ThrottledWithoutRetryAfter,
    ServerError,

    /// <summary>500 with the registry's words in Latin-1, which is no UTF-8.</summary>
    LatinError,

    /// <summary>500 with half of a surrogate pair in the registry's words, and in a member's name.</summary>
    SurrogateError,

    /// <summary>500 with a page for people.</summary>
    HtmlError,

    /// <summary>500 with nothing in it.</summary>
    EmptyError,

    /// <summary>500 with 1 MB of words.</summary>
    LargeError,

    /// <summary>404 with a page for people and no registry's header, on every path: an ingress with nothing behind it.</summary>
    IngressPage,

    /// <summary>200 with an error document.</summary>
    ErrorAsManifest,

    /// <summary>The body parks half way until it is released.</summary>
    Stall,

    /// <summary>1 KiB of body per second of the upstream's clock.</summary>
    Trickle,

    /// <summary>The connection is accepted, nothing is ever said.</summary>
    BlackHole,

    /// <summary>Docker-Content-Digest is another manifest's.</summary>
    LyingDigestHeader,

    /// <summary>A manifest of more than 4 MiB.</summary>
    ManifestTooLarge,

    /// <summary>The tag moves as soon as its HEAD was answered.</summary>
    TagMovesAfterHead,

    /// <summary>404 for a manifest that an index lists.</summary>
    MissingChild,

    /// <summary>The token that came with the request is no longer good.</summary>
    TokenExpires,

    /// <summary>Nobody listens: <see cref="FakeUpstream.RefusedAddress"/>.</summary>
    ConnectionRefused,

    /// <summary>No such host: <see cref="FakeUpstream.UnknownHost"/>.</summary>
    UnknownHost,

    /// <summary>TLS by a certificate authority that the client does not know.</summary>
    UntrustedCertificate,
}

/// <summary>At what step of an answer a fault takes hold.</summary>
internal enum FaultStage
{
    /// <summary>Not armed: it is the address that is wrong.</summary>
    Address,
    Request,
    Authorisation,
    Manifest,
    Redirect,
    Body,
}

internal static class FaultStages
{
    public static FaultStage StageOf(UpstreamFault fault) => fault switch
    {
        UpstreamFault.CutAtStart or UpstreamFault.CutAfterOneByte or UpstreamFault.CutAtHalf or UpstreamFault.CutAtNinetyPercent
            or UpstreamFault.CutBeforeLastByte or UpstreamFault.IgnoresRange or UpstreamFault.WrongRangeStart or UpstreamFault.WrongBytes or UpstreamFault.EmptyBody
            or UpstreamFault.ShortContentLength or UpstreamFault.LongContentLength or UpstreamFault.NoContentLength
            or UpstreamFault.GzipBody or UpstreamFault.Stall or UpstreamFault.Trickle => FaultStage.Body,
        UpstreamFault.UnauthorizedOnResume or UpstreamFault.TokenExpires => FaultStage.Authorisation,
        UpstreamFault.ExpiredRedirect => FaultStage.Redirect,
        UpstreamFault.ThrottledWithRetryAfter or UpstreamFault.ThrottledWithoutRetryAfter or UpstreamFault.ServerError
            or UpstreamFault.LatinError or UpstreamFault.SurrogateError or UpstreamFault.HtmlError or UpstreamFault.EmptyError or UpstreamFault.LargeError
            or UpstreamFault.IngressPage or UpstreamFault.ErrorAsManifest or UpstreamFault.BlackHole => FaultStage.Request,
        UpstreamFault.LyingDigestHeader or UpstreamFault.ManifestTooLarge or UpstreamFault.TagMovesAfterHead
            or UpstreamFault.MissingChild => FaultStage.Manifest,
        UpstreamFault.ConnectionRefused or UpstreamFault.UnknownHost or UpstreamFault.UntrustedCertificate => FaultStage.Address,
    };
}
