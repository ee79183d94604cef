using System.Collections.Frozen;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// The names of what a document says is built here, so that they stay wherever else it names them: Skaffold's artifacts, which its tests and
/// verifications use; a Compose service's image that another one runs as well.
/// </summary>
internal static class BuiltNames
{
    public static FrozenSet<string> Of(Node root)
    {
        if (root is not MappingNode document)
        {
            return [];
        }

        var names = document.Text("apiVersion")?.StartsWith("skaffold/", StringComparison.Ordinal) == true ? OfSkaffold(document) : OfServices(document.Find("services"));
        return names.Select(ReferenceSuffix.Without).Where(name => name.Length > 0).ToFrozenSet(StringComparer.Ordinal);
    }

    private static IEnumerable<string> OfSkaffold(MappingNode document)
    {
        var profiles = (document.Find("profiles") as SequenceNode)?.Items ?? [];
        foreach (var part in profiles.Select(profile => profile.Resolve()).OfType<MappingNode>().Prepend(document))
        {
            foreach (var artifact in ((part.Find("build") as MappingNode)?.Find("artifacts") as SequenceNode)?.Items ?? [])
            {
                yield return (artifact.Resolve() as MappingNode)?.Text("image") ?? "";
            }
        }
    }

    private static IEnumerable<string> OfServices(Node? services) => (services as MappingNode)?.Entries
        .Select(entry => entry.Value.Resolve()).OfType<MappingNode>()
        .Where(service => service.Find("build") is not null)
        .Select(service => service.Text("image") ?? "") ?? [];
}
