using System.Text.Json;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Places;

namespace Millpond.Cli.Cluster;

/// <summary>Which custom resources of a cluster the tables of places know.</summary>
internal sealed class CustomKinds(ClusterConnection connection, PlaceTables tables)
{
    /// <summary>The kinds that are there; what could not be asked goes to <paramref name="notRead"/>.</summary>
    public async Task<IReadOnlyList<ClusterKind>> FindAsync(List<NotRead> notRead, CancellationToken cancellationToken)
    {
        var kinds = new List<ClusterKind>();
        using var groups = await ClusterAnswer.GetAsync(connection, "apis", cancellationToken);
        if (groups.Document is not { } document)
        {
            notRead.Add(new NotRead("custom resources", groups.Why));
            return kinds;
        }

        foreach (var group in document.RootElement.GetProperty("groups").EnumerateArray())
        {
            var name = group.GetProperty("name").GetString() ?? "";
            if (tables.KnowsGroup(name))
            {
                await FindAsync(name, group.GetProperty("preferredVersion").GetProperty("version").GetString() ?? "", kinds, notRead, cancellationToken);
            }
        }

        return kinds;
    }

    private async Task FindAsync(string group, string version, List<ClusterKind> kinds, List<NotRead> notRead, CancellationToken cancellationToken)
    {
        using var resources = await ClusterAnswer.GetAsync(connection, $"apis/{group}/{version}", cancellationToken);
        if (resources.Document is not { } document)
        {
            // An aggregated API whose server is away.
            notRead.Add(new NotRead($"{group}/{version}", resources.Why));
            return;
        }

        foreach (var resource in document.RootElement.GetProperty("resources").EnumerateArray())
        {
            var (plural, kind) = (Text(resource, "name"), Text(resource, "kind"));
            var isWorkload = ClusterKind.Workloads.Any(known => known.Group == group && known.Plural == plural);
            if (!isWorkload && !plural.Contains('/', StringComparison.Ordinal) && CanBeListed(resource) && tables.KnowsKind(group, kind))
            {
                kinds.Add(new ClusterKind(group, version, plural, kind, resource.GetProperty("namespaced").GetBoolean()));
            }
        }
    }

    private static bool CanBeListed(JsonElement resource) =>
        resource.TryGetProperty("verbs", out var verbs) && verbs.EnumerateArray().Any(verb => verb.ValueEquals("list"));

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
