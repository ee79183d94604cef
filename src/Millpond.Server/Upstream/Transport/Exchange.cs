using Millpond.Server.Credentials;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What the layers of the transport know of one request of ours, over all its hops and tries.</summary>
internal sealed class Exchange(string waitingFor)
{
    private static readonly HttpRequestOptionsKey<Exchange> Key = new("Millpond.Exchange");

    private readonly List<string> secrets = [];

    /// <summary>The scope to ask a token for; null for requests that are never authenticated.</summary>
    public string? Scope { get; init; }

    /// <summary>Shorter than <c>timeouts.connect</c> for checks of something that is cached.</summary>
    public TimeSpan? ConnectWithin { get; init; }

    /// <summary>Who has the next word, in words for a timeout's reason.</summary>
    public string WaitingFor { get; set; } = waitingFor;

    /// <summary>Once a redirect led elsewhere, nothing secret is sent any more, not even where it leads back.</summary>
    public bool LeftOrigin { get; set; }

    /// <summary>What the registry said last; the blob host that it redirects to says nothing.</summary>
    public RateLimit? RateLimit { get; set; }

    public static Exchange? Of(HttpRequestMessage request) => request.Options.TryGetValue(Key, out var exchange) ? exchange : null;

    public void Attach(HttpRequestMessage request) => request.Options.Set(Key, this);

    public void Sent(UpstreamCredential? credential, string? token)
    {
        Remember(credential?.AccessToken);
        Remember(token);
    }

    /// <summary>The text of an upstream without what it was sent, should it repeat that.</summary>
    public string Redact(string text)
    {
        foreach (var secret in secrets)
        {
            text = text.Replace(secret, "…", StringComparison.Ordinal);
        }

        return text;
    }

    private void Remember(string? secret)
    {
        if (!string.IsNullOrEmpty(secret) && !secrets.Contains(secret))
        {
            secrets.Add(secret);
        }
    }
}
