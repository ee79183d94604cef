using System.Text.Json;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Cli.Cluster;

/// <summary>
/// The images of a cluster, found by the same code as in files: each resource is a document, without what the API server has added to it.
/// </summary>
internal sealed class ClusterImages(ClusterConnection connection, ClusterSelection selection, PlaceTables tables, FileRewriter finder)
{
    /// <summary>The finder takes a format from a name; a resource's own name could look like another one.</summary>
    private const string AsJson = "resource.json";

    /// <exception cref="CommandFailedException">Nothing can be read.</exception>
    public async Task ReadAsync(CoverageBuilder builder, CancellationToken cancellationToken)
    {
        var notRead = new List<NotRead>();
        var kinds = ClusterKind.Workloads.ToList();
        if (selection.CustomResources)
        {
            kinds.AddRange(await new CustomKinds(connection, tables).FindAsync(notRead, cancellationToken));
        }

        var lists = new ClusterLists(connection, selection.Namespace);
        var read = 0;
        foreach (var kind in kinds)
        {
            var reports = new List<FileReport>();
            if (await lists.ReadAsync(kind, reports.Clear, item => reports.Add(Find(kind, item)), cancellationToken) is { } failed)
            {
                notRead.Add(failed);
                continue;
            }

            read++;
            reports.ForEach(builder.Add);
        }

        if (read == 0)
        {
            var hint = selection.Namespace is null ? " A login that sees one namespace needs --namespace NAME." : "";
            throw new CommandFailedException($"Nothing of the cluster can be read: {string.Join("; ", notRead.Select(one => $"{one.What}: {one.Why}"))}.{hint}");
        }

        notRead.ForEach(builder.AddNotRead);
    }

    private FileReport Find(ClusterKind kind, JsonElement item)
    {
        var running = kind.Kind == "Pod" ? RunningImages.Of(item) : [];
        var name = NameOf(kind, item);
        using var resource = new MemoryStream(Resource(kind, item));
        var report = finder.Rewrite(AsJson, resource, null);
        return report with
        {
            File = name,
            Mentions = [.. report.Mentions.Select(found => found with { File = name, Line = 0 })],
            References = [.. report.References.Select(found => found with { File = name, Line = 0, ImageId = running.GetValueOrDefault(found.Path) })],
        };
    }

    private static string NameOf(ClusterKind kind, JsonElement item)
    {
        var metadata = item.TryGetProperty("metadata", out var given) ? given : default;
        var (space, name) = (Text(metadata, "namespace"), Text(metadata, "name"));
        return space.Length == 0 ? $"{kind.Name}/{name}" : $"{kind.Name}/{space}/{name}";
    }

    /// <summary>The item as a document of its own: lists leave out what all their items are.</summary>
    private static byte[] Resource(ClusterKind kind, JsonElement item)
    {
        using var content = new MemoryStream();
        using (var json = new Utf8JsonWriter(content))
        {
            json.WriteStartObject();
            json.WriteString("apiVersion", kind.ApiVersion);
            json.WriteString("kind", kind.Kind);
            foreach (var property in item.EnumerateObject())
            {
                if (property.Name is not ("apiVersion" or "kind" or "status"))
                {
                    property.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        return content.ToArray();
    }

    private static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
