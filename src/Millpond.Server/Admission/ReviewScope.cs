using System.Collections.Frozen;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Admission;

/// <summary>What reviews leave alone.</summary>
internal sealed class ReviewScope
{
    private readonly FrozenSet<string> excludedNamespaces;
    private readonly FrozenSet<string> ownImages;

    public ReviewScope(AdmissionConfiguration configuration)
    {
        excludedNamespaces = configuration.ExcludedNamespaces.ToFrozenSet(StringComparer.Ordinal);
        ownImages = configuration.OwnImages.Select(static image => NameOf(ImageReference.Parse(image))).ToFrozenSet(StringComparer.Ordinal);
    }

    public bool Excludes(string space) => excludedNamespaces.Contains(space);

    /// <summary>Whether a reference, however it is spelt and whatever its tag, is one of the server's own images.</summary>
    public bool IsOwnImage(string reference) =>
        ownImages.Count > 0 && ImageReference.TryParse(reference, out var parsed, out _) && ownImages.Contains(NameOf(parsed));

    private static string NameOf(ImageReference reference) => $"{UpstreamHosts.Normalise(reference.Domain)}/{reference.Path}";
}
