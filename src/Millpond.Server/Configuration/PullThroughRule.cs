using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration;

/// <summary>One rule: what is pulled under its prefix comes from its upstream. Immutable; presets and defaults are already in it.</summary>
public sealed record PullThroughRule : RuleNames
{
    /// <summary>Said out loud that an opt-in upstream is pulled without a credential.</summary>
    public bool Anonymous { get; init; }

    /// <summary>Who may pull by it.</summary>
    public AccessMode Access { get; init; } = AccessMode.Anonymous;

    /// <summary>Whether it was deleted: what is here by it is served, and upstream is not asked any more.</summary>
    public bool IsRetired { get; init; }

    public CredentialSource? Credential { get; init; }

    public UpstreamTls Tls { get; init; } = new();

    /// <summary>The proxy for the registry, its token and its blob hosts: a URL, <c>none</c> for direct, null for the environment's.</summary>
    public string? Proxy { get; init; }

    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Whether the upstream may show this server what it shows to nobody else: by a credential, a header that may be one, or a client certificate.</summary>
    public bool IsAuthenticated => Credential is not null || Tls.Certificate is not null || Headers.Any(header => !HarmlessHeaders.Contains(header.Key));

    /// <summary>Token endpoints the credential may be sent to beside the upstream's own origin.</summary>
    public ImmutableArray<Uri> TokenRealms { get; init; } = [];

    /// <summary>Whether redirects to private addresses are followed although the upstream itself is public. Loopback and link-local ones are not meant.</summary>
    public bool PrivateRedirects { get; init; }

    /// <summary>How long a tag is served without asking upstream; zero = ask at every pull.</summary>
    public TimeSpan RevalidateAfter { get; init; } = TimeSpan.FromHours(24);

    public OnUpstreamDelete OnUpstreamDelete { get; init; } = OnUpstreamDelete.Keep;

    /// <summary>Whether lifecycle policies leave alone what the upstream does not show; null as everywhere.</summary>
    public bool? Guard { get; init; }

    public ImageCompletion CompleteImages { get; init; } = ImageCompletion.Layers;

    public IndexCompletion CompleteIndexes { get; init; } = IndexCompletion.None;

    public UpstreamTimeouts Timeouts { get; init; } = new();

    /// <summary>Bytes per second, judged over 60 s, under which a download counts as stalled.</summary>
    public long MinimumRate { get; init; } = 10 * 1024;

    public UpstreamLimits Limits { get; init; } = new();
}

/// <summary>When the rest of a pulled image is fetched in the background.</summary>
public enum ImageCompletion
{
    /// <summary>Once a client has asked for one of its layers too.</summary>
    Layers,

    /// <summary>Once its manifest was pulled.</summary>
    Always,
    Never,
}

/// <summary>What a tag does that the upstream has deleted.</summary>
public enum OnUpstreamDelete
{
    Keep,
    Follow,
}

/// <summary>
/// Where a credential comes from: a JSON file with <c>username</c> and <c>accessToken</c>, two environment variables, a secret kept here, or one of
/// AWS's Secrets Manager.
/// </summary>
public sealed record CredentialSource(string? File, string? UsernameEnv, string? TokenEnv, string? SecretArn = null, string? AwsSecretArn = null);

public sealed record UpstreamTls(string? Ca = null, string? Certificate = null, string? Key = null, bool Insecure = false);

/// <param name="Connect">To have a connection.</param>
/// <param name="FirstByte">From the request to the response's headers.</param>
/// <param name="Revalidate">A whole tag check of something that is cached.</param>
/// <param name="Idle">Between two reads of a body.</param>
public sealed record UpstreamTimeouts(TimeSpan Connect, TimeSpan FirstByte, TimeSpan Revalidate, TimeSpan Idle)
{
    public UpstreamTimeouts()
        : this(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30))
    {
    }
}

/// <param name="Fills">Bodies downloaded at once from the upstream.</param>
/// <param name="Requests">Short requests at once.</param>
public sealed record UpstreamLimits(int Fills = 16, int Requests = 16);

/// <summary>Which children of an index are fetched in the background.</summary>
/// <param name="All">Every child.</param>
/// <param name="Platforms"><c>os/architecture[/variant]</c>; used where <paramref name="All"/> is false.</param>
public sealed record IndexCompletion(bool All, ImmutableArray<string> Platforms)
{
    public static IndexCompletion None { get; } = new(false, []);

    public static IndexCompletion Everything { get; } = new(true, []);

    public bool IsNone => !All && Platforms.IsEmpty;
}
