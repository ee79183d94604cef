using System.Collections.Immutable;

namespace Millpond.Server.Admission;

/// <summary>What reviews leave alone.</summary>
/// <param name="ExcludedNamespaces">Namespaces whose pods are never changed.</param>
/// <param name="OwnImages">Names, without tag, of the server's own images: it cannot be pulled through itself.</param>
internal sealed record AdmissionOptions(ImmutableHashSet<string> ExcludedNamespaces, ImmutableArray<string> OwnImages)
{
    public bool IsOwnImage(string reference)
    {
        foreach (var own in OwnImages)
        {
            if (reference.StartsWith(own, StringComparison.Ordinal) && (reference.Length == own.Length || reference[own.Length] is ':' or '@'))
            {
                return true;
            }
        }

        return false;
    }
}
