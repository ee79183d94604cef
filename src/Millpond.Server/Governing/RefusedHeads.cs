using Millpond.Images;
using Millpond.Server.Bounded;

namespace Millpond.Server.Governing;

/// <summary>
/// Where an upstream refuses a manifest's HEAD and answers its GET (proxies that let only GET through, registries that were never asked
/// otherwise): remembered, so that not every check costs both.
/// </summary>
internal sealed class RefusedHeads(TimeProvider time)
{
    /// <summary>A registry that learns HEAD is found out after this.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>Repositories remembered; an entry has about 200 bytes.</summary>
    private const int Capacity = 10_000;

    private readonly GenerationCache<RepositoryName, Refused> repositories = new(Capacity, static _ => 1);
    private Refused? everywhere;

    /// <summary>Whether a status may be a refusal of the method rather than an answer about the manifest.</summary>
    public static bool MayBeOne(int? status) => status is 400 or 401 or 403 or 404 or 405 or 501;

    /// <summary>Whether the repository's manifests are to be asked for by GET at once.</summary>
    public bool Holds(RepositoryName repository) => Holds(everywhere) || repositories.TryGet(repository, out var refused) && Holds(refused);

    /// <summary>A HEAD was refused with this status, and the GET was answered.</summary>
    public void Learn(RepositoryName repository, int status)
    {
        var refused = new Refused(time.GetTimestamp());

        // What says something of the method is true of all repositories, what says something of access only of this one.
        if (status is 400 or 405 or 501)
        {
            everywhere = refused;
        }
        else
        {
            repositories.Set(repository, refused);
        }
    }

    private bool Holds(Refused? refused) => refused is not null && time.GetElapsedTime(refused.At) < Lifetime;

    private sealed record Refused(long At);
}
