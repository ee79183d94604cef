using System.Net;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Upstream.Tokens;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>
/// Whether what answers at the upstream's address is a registry at all. While a registry is away, the ingress before it answers 404 to every
/// path: that is an outage, and must never be taken for an image's absence. Where an answer has no sign of its own, <c>/v2/</c> is asked,
/// once for all who wonder, and believed for a bounded time.
/// </summary>
/// <param name="ask">Asks for <c>/v2/</c> and has the answer read by <see cref="ReadAsync"/>; false where none comes.</param>
internal sealed class RegistrySign(Func<CancellationToken, Task<bool>> ask, TimeProvider time, CancellationToken lifetime)
{
    public const string Path = "/v2/";

    private const string VersionHeader = "Docker-Distribution-Api-Version";
    private const int MaxBytes = 4 * 1024;

    // A tag is dropped on two absences two minutes apart, so that each of them has a sign of its own.
    private static readonly TimeSpan BelievedFor = TimeSpan.FromMinutes(1);

    // A registry that comes back is known again soon, and one that is away is not asked twice for each pull.
    private static readonly TimeSpan DoubtedFor = TimeSpan.FromSeconds(5);

    private readonly Lock asking = new();
    private (Task<bool> Answer, long At)? last;

    /// <summary>Whether an answer has the sign of a registry in its headers or in the error it holds.</summary>
    public static bool IsOn(HttpResponseMessage response, RegistryErrorBody? error) =>
        response.Headers.NonValidated.Contains(VersionHeader)
        || error is { IsRegistrys: true }
        || (response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines) && Challenge.Parse(lines).Any(challenge => challenge.IsBearer));

    /// <summary>Whether this answer to <c>/v2/</c> is a registry's: it has a sign, or is the 200 with an empty object or nothing that the specification asks for.</summary>
    public static async Task<bool> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (IsOn(response, null))
        {
            return true;
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            return IsOn(response, await RegistryErrorBody.ReadAsync(response, cancellationToken));
        }

        var content = await BoundedBody.ReadStartAsync(response, MaxBytes, cancellationToken);
        using var document = ForeignJson.TryParse(content);
        return content.IsEmpty || document?.RootElement.ValueKind == JsonValueKind.Object;
    }

    /// <summary>What <c>/v2/</c> says.</summary>
    public async Task<bool> IsRegistryAsync(CancellationToken cancellationToken)
    {
        Task<bool> answer;
        lock (asking)
        {
            if (last is not { } known || HasAged(known))
            {
                // Whoever asks first may leave: the answer is for all.
                known = (Task.Run(() => ask(lifetime), CancellationToken.None), time.GetTimestamp());
                last = known;
            }

            answer = known.Answer;
        }

        return await answer.WaitAsync(cancellationToken);
    }

    private bool HasAged((Task<bool> Answer, long At) known) =>
        known.Answer.IsCompleted
        && time.GetElapsedTime(known.At) >= (known.Answer is { IsCompletedSuccessfully: true, Result: true } ? BelievedFor : DoubtedFor);
}
