using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// Remembers for some seconds that an upstream said no: 404, and 401 or 403 for the credential that was tried. Never a 5xx, a timeout
/// or a 429: those are not about the content.
/// </summary>
internal sealed class NegativeCache(NegativeCacheConfiguration configuration, TimeProvider time)
{
    /// <summary>Bytes of memory that a scan for random names can take; the oldest are dropped first.</summary>
    private const long Bytes = 8L * 1024 * 1024;

    /// <summary>What an entry costs beside its texts, in two dictionaries' nodes.</summary>
    private const int Overhead = 200;

    private readonly ForcedChecks forced = new(time);

    private readonly GenerationCache<(RepositoryName Repository, string Reference), Refusal> entries = new(
        Bytes, static (key, refusal) =>
            Overhead + (key.Repository.ToString().Length + key.Reference.Length + refusal.Reason.Length + refusal.CredentialVersion.Length) * sizeof(char));

    /// <summary>A blob's entry: the same digest may well be there as a manifest.</summary>
    public static string Blob(Digest digest) => $"blob {digest}";

    /// <summary>A list's entry: there may be a tag of its name.</summary>
    public static string List(string key) => $"list {key}";

    /// <summary>What was said, if it still holds for this credential.</summary>
    /// <param name="isForced">The client wants the upstream asked all the same (<c>no-cache</c>).</param>
    public UpstreamResult<T>? Find<T>(RepositoryName repository, string reference, string credentialVersion, bool isForced = false)
        where T : class
    {
        if (!entries.TryGet((repository, reference), out var refusal))
        {
            return null;
        }

        var now = time.GetUtcNow();
        var holds = !(isForced && forced.TryTake(repository)) && now < refusal.Until && now >= refusal.Since
            && (refusal.Outcome == UpstreamOutcome.NotFound || refusal.CredentialVersion == credentialVersion);
        return holds ? new UpstreamResult<T>(refusal.Outcome, null, refusal.Reason) { IsCredentialRefused = refusal.IsCredentialRefused } : null;
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

        var now = time.GetUtcNow();
        entries.Set(
            (repository, reference),
            new Refusal(result.Outcome, result.Reason, result.IsCredentialRefused, credentialVersion, now, now + lifetime));
    }

    /// <summary>Upstream is asked at the next pull.</summary>
    public void Forget(RepositoryName repository, string reference) => entries.Remove((repository, reference));

    private sealed record Refusal(
        UpstreamOutcome Outcome, string Reason, bool IsCredentialRefused, string CredentialVersion, DateTimeOffset Since, DateTimeOffset Until);
}
