using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>
/// Remembers for some seconds that an upstream said no: 404, and 401 or 403 for the credential that was tried. Never a 5xx, a timeout
/// or a 429: those are not about the content.
/// </summary>
internal sealed class NegativeCache(NegativeCacheConfiguration configuration, TimeProvider time)
{
    /// <summary>Bounds the memory that a scan for random names can take; the whole is dropped when full.</summary>
    private const int Capacity = 20_000;

    private readonly ConcurrentDictionary<(RepositoryName, string), Refusal> entries = new();

    /// <summary>A blob's entry: the same digest may well be there as a manifest.</summary>
    public static string Blob(Digest digest) => $"blob {digest}";

    /// <summary>A list's entry: there may be a tag of its name.</summary>
    public static string List(string key) => $"list {key}";

    /// <summary>What was said, if it still holds for this credential.</summary>
    public UpstreamResult<T>? Find<T>(RepositoryName repository, string reference, string credentialVersion)
        where T : class
    {
        if (!entries.TryGetValue((repository, reference), out var refusal))
        {
            return null;
        }

        var now = time.GetUtcNow();
        var holds = now < refusal.Until && now >= refusal.Since
            && (refusal.Outcome == UpstreamOutcome.NotFound || refusal.CredentialVersion == credentialVersion);
        return holds ? new UpstreamResult<T>(refusal.Outcome, null, refusal.Reason) : null;
    }

    /// <summary>Waits for the answer and learns from it.</summary>
    /// <param name="credentialVersion">As <see cref="Learn"/> wants it: named before the question in the arguments, it is read before it.</param>
    public async Task<UpstreamResult<T>> LearnAsync<T>(
        RepositoryName repository, string reference, string credentialVersion, Task<UpstreamResult<T>> answer)
        where T : class
    {
        var result = await answer;
        Learn(repository, reference, credentialVersion, result);
        return result;
    }

    /// <param name="credentialVersion">As of before the question: a credential that came while the old one was refused is not refused yet.</param>
    public void Learn<T>(RepositoryName repository, string reference, string credentialVersion, UpstreamResult<T> result)
        where T : class
    {
        var lifetime = result.Outcome switch
        {
            UpstreamOutcome.NotFound => configuration.Absent,
            UpstreamOutcome.Refused => configuration.Refused,
            _ => TimeSpan.Zero,
        };
        if (lifetime <= TimeSpan.Zero)
        {
            return;
        }

        if (entries.Count >= Capacity)
        {
            entries.Clear();
        }

        var now = time.GetUtcNow();
        entries[(repository, reference)] = new Refusal(result.Outcome, result.Reason, credentialVersion, now, now + lifetime);
    }

    private sealed record Refusal(UpstreamOutcome Outcome, string Reason, string CredentialVersion, DateTimeOffset Since, DateTimeOffset Until);
}
