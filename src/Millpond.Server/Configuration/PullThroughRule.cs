using System.Collections.Immutable;

namespace Millpond.Server.Configuration;

/// <summary>One rule: what is pulled under <see cref="Prefix"/> comes from <see cref="Upstream"/>. Immutable; presets and defaults are already in it.</summary>
public sealed record PullThroughRule
{
    /// <summary>The prefix that matches last, whatever a repository is called (ECR's <c>ROOT</c>).</summary>
    public const string RootPrefix = "ROOT";

    /// <summary>Whole path components (<c>quay</c>, <c>team-a/harbor</c>), or <see cref="RootPrefix"/>.</summary>
    public required string Prefix { get; init; }

    /// <summary>The upstream as users write it in references: <c>docker.io</c>, <c>quay.io</c>, <c>harbor.corp.example:8443</c>.</summary>
    public required string UpstreamName { get; init; }

    /// <summary>Where the upstream's API is: scheme, host and port (<c>https://registry-1.docker.io</c>).</summary>
    public required Uri Upstream { get; init; }

    public Tier Tier { get; init; } = Tier.ByRule;

    /// <summary>Prepended to the repository at the upstream (ECR's <c>upstreamRepositoryPrefix</c>); null for none.</summary>
    public string? UpstreamRepositoryPrefix { get; init; }

    /// <summary>Host names that mean this rule, without a prefix in the path.</summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    /// <summary>Said out loud that an opt-in upstream is pulled without a credential.</summary>
    public bool Anonymous { get; init; }

    public CredentialSource? Credential { get; init; }

    /// <summary>Globs over the repository at the upstream without <see cref="UpstreamRepositoryPrefix"/>; empty = all.</summary>
    public ImmutableArray<string> Allow { get; init; } = [];

    /// <summary>Globs as <see cref="Allow"/>; what they match is refused even when allowed.</summary>
    public ImmutableArray<string> Deny { get; init; } = [];

    public UpstreamTls Tls { get; init; } = new();

    /// <summary>The proxy for the registry, its token and its blob hosts: a URL, <c>none</c> for direct, null for the environment's.</summary>
    public string? Proxy { get; init; }

    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Token endpoints the credential may be sent to beside the upstream's own origin.</summary>
    public ImmutableArray<Uri> TokenRealms { get; init; } = [];

    /// <summary>Whether redirects to private addresses are followed although the upstream itself is public.</summary>
    public bool PrivateRedirects { get; init; }

    /// <summary>How long a tag is served without asking upstream; zero = ask at every pull.</summary>
    public TimeSpan RevalidateAfter { get; init; } = TimeSpan.FromHours(24);

    public OnUpstreamDelete OnUpstreamDelete { get; init; } = OnUpstreamDelete.Keep;

    public IndexCompletion CompleteIndexes { get; init; } = IndexCompletion.None;

    public UpstreamTimeouts Timeouts { get; init; } = new();

    /// <summary>Bytes per second, judged over 60 s, under which a download counts as stalled.</summary>
    public long MinimumRate { get; init; } = 10 * 1024;

    public UpstreamLimits Limits { get; init; } = new();
}

/// <summary>Where a rule stands: presets that need no credential, presets that need one, and all others.</summary>
public enum Tier
{
    Default,
    OptIn,
    ByRule,
}

public enum OnUpstreamDelete
{
    Keep,
    Follow,
}

/// <summary>Where a credential comes from: a JSON file with <c>username</c> and <c>accessToken</c>, or two environment variables.</summary>
public sealed record CredentialSource(string? File, string? UsernameEnv, string? TokenEnv);

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
