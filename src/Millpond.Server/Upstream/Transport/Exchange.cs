using Millpond.Server.Credentials;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What the layers of the transport know of one request of ours, over all its hops and tries.</summary>
internal sealed class Exchange(string waitingFor, SecretWords words)
{
    private static readonly HttpRequestOptionsKey<Exchange> Key = new("Millpond.Exchange");

    /// <summary>The scope to ask a token for; null for requests that are never authenticated.</summary>
    public string? Scope { get; init; }

    /// <summary>Shorter than <c>timeouts.connect</c> for checks of something that is cached.</summary>
    public TimeSpan? ConnectWithin { get; init; }

    /// <summary>Who has the next word, in words for a reason that clients read: no host but the upstream as its rule writes it.</summary>
    public string WaitingFor { get; private set; } = waitingFor;

    /// <summary>The host of <see cref="WaitingFor"/> where that does not name it: for the log alone.</summary>
    public string Where { get; private set; } = "";

    /// <summary>What is secret in foreign text.</summary>
    public SecretWords Words { get; } = words;

    /// <summary>Once a redirect led elsewhere, nothing secret is sent any more, not even where it leads back.</summary>
    public bool LeftOrigin { get; set; }

    /// <summary>Whether a registry that we were led to has got the token it asked for: what it says then is about the content.</summary>
    public bool IsAnsweredElsewhere { get; set; }

    /// <summary>Whether anything was sent to authenticate us, and whether it was the credential itself, as Basic.</summary>
    public bool IsAuthorized { get; private set; }

    /// <inheritdoc cref="IsAuthorized"/>
    public bool IsBasic { get; set; }

    /// <summary>What would help against a refusal, for its reason.</summary>
    public string Remedy { get; set; } = "";

    /// <summary>What the remedy leaves out because clients read it.</summary>
    public string RemedyDetail { get; set; } = "";

    /// <summary>What the registry said last; the blob host that it redirects to says nothing.</summary>
    public RateLimit? RateLimit { get; set; }

    public static Exchange? Of(HttpRequestMessage request) => request.Options.TryGetValue(Key, out var exchange) ? exchange : null;

    public void Attach(HttpRequestMessage request) => request.Options.Set(Key, this);

    /// <param name="where">The host, where the words for clients do not name it.</param>
    public void WaitFor(string who, string where = "") => (WaitingFor, Where) = (who, where);

    public void Sent(UpstreamCredential? credential, string? token)
    {
        IsAuthorized |= credential is not null || token is not null;
        Words.Sent(credential, token);
    }
}
