namespace Millpond.Tests.Fixtures;

public enum UpstreamAuthentication
{
    None,

    /// <summary>Every request needs the user name and password.</summary>
    Basic,

    /// <summary>Every request needs a token; public repositories' tokens are given to anyone.</summary>
    Bearer,
}

/// <summary>How a <see cref="FakeUpstream"/> behaves when it behaves.</summary>
public sealed record FakeUpstreamOptions
{
    public UpstreamAuthentication Authentication { get; init; } = UpstreamAuthentication.None;

    public string Username { get; init; } = "alice";

    public string Password { get; init; } = "secret-of-alice";

    /// <summary>The token service has an origin (port) of its own.</summary>
    public bool TokenServiceElsewhere { get; init; }

    /// <summary>What the challenge names instead of the upstream's own token service.</summary>
    public Uri? TokenRealm { get; init; }

    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The fields a token comes in.</summary>
    public IReadOnlyList<string> TokenFields { get; init; } = ["token", "access_token"];

    /// <summary>Blobs are answered by a redirect to a signed URL on a blob host (another port).</summary>
    public bool RedirectBlobs { get; init; }

    /// <summary>Where blobs are redirected to instead of the upstream's own blob host.</summary>
    public Uri? RedirectTo { get; init; }

    public TimeSpan SignedUrlLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Off: 404, and the <c>sha256-&lt;hex&gt;</c> tags are kept instead.</summary>
    public bool ReferrersApi { get; init; } = true;

    /// <summary>Manifest GETs per window, HEADs free (Docker Hub); null for no limit.</summary>
    public int? RateLimit { get; init; }

    public TimeSpan RateWindow { get; init; } = TimeSpan.FromHours(6);

    /// <summary>The most tags of one page, whatever was asked for.</summary>
    public int TagPage { get; init; } = 1000;

    /// <summary>Whether Docker-Content-Digest is sent with manifests.</summary>
    public bool DigestHeader { get; init; } = true;

    /// <summary>The authority that signs this upstream's certificate; null for plain http.</summary>
    public TestCertificates? Tls { get; init; }

    /// <summary>Names in its certificate beside those of this machine.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Whether a client certificate of <see cref="Tls"/> is demanded.</summary>
    public bool ClientCertificate { get; init; }

    /// <summary>The clock of tokens, signed URLs, windows and paces.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
