using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Referrers of a digest: upstream's merged with those whose manifests are here.</summary>
internal sealed class ReferrerLists(UpstreamList lists, CatalogDatabase catalog)
{
    /// <summary>An image is often signed minutes after it was first pulled: that there is no referrer yet is not believed for long.</summary>
    private static readonly TimeSpan EmptyLifetime = TimeSpan.FromMinutes(5);

    public async ValueTask<PullResult<ReferrersList>> ListAsync(RuleMatch target, Digest subject, PullOptions options, CancellationToken cancellationToken)
    {
        var theirs = await lists.FindAsync(
            target, $"referrers:{subject}", options, content => Lifetime(target, content), (upstream, token) => AskAsync(upstream, target, subject, token),
            cancellationToken);
        var found = new Dictionary<Digest, ReferrerDescriptor>();
        foreach (var local in catalog.ListReferrers(target.Repository, subject))
        {
            found[local.Digest] = Describe(local);
        }

        if (!theirs.IsFound && found.Count == 0)
        {
            return theirs.Failure;
        }

        foreach (var descriptor in theirs.IsFound ? Read(theirs.Value) : [])
        {
            found[descriptor.Digest] = descriptor;
        }

        return new PullResult<ReferrersList>(new ReferrersList([.. found.Values]), theirs.IsFound ? theirs.Status : CacheStatus.Stale, null);
    }

    private static TimeSpan Lifetime(RuleMatch target, ReadOnlyMemory<byte> content) =>
        target.Rule.RevalidateAfter > EmptyLifetime && !Read(content).Any() ? EmptyLifetime : target.Rule.RevalidateAfter;

    private static async Task<UpstreamResult<byte[]>> AskAsync(GovernedUpstream upstream, RuleMatch target, Digest subject, CancellationToken cancellationToken)
    {
        var result = await upstream.GetReferrersAsync(RequestReason.Check, target.UpstreamRepository, subject, cancellationToken);
        return result.IsFound
            ? new UpstreamResult<byte[]>(UpstreamOutcome.Found, result.Value.Content.ToArray())
            : result.As<byte[]>();
    }

    private static IEnumerable<ReferrerDescriptor> Read(ReadOnlyMemory<byte> index)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(index.Span);
        }
        catch (JsonException)
        {
            yield break;
        }

        foreach (var node in (root as JsonObject)?["manifests"] as JsonArray ?? [])
        {
            if (node is JsonObject descriptor && Digest.TryParse(Text(descriptor, "digest"), out var digest))
            {
                yield return new ReferrerDescriptor(digest, Text(descriptor, "artifactType"), (JsonObject)descriptor.DeepClone());
            }
        }
    }

    /// <summary>The descriptor that the referrers API gives for a stored manifest: its annotations and artifact type come up with it.</summary>
    private static ReferrerDescriptor Describe(ManifestRow row)
    {
        var type = ManifestDocument.TryParse(row.Content, row.MediaType)?.ArtifactType;
        var json = new JsonObject { ["mediaType"] = row.MediaType, ["digest"] = row.Digest.ToString(), ["size"] = row.Content.Length };
        if (type is not null)
        {
            json["artifactType"] = type;
        }

        if (JsonNode.Parse(row.Content.Span) is JsonObject manifest && manifest["annotations"] is JsonObject annotations)
        {
            json["annotations"] = annotations.DeepClone();
        }

        return new ReferrerDescriptor(row.Digest, type, json);
    }

    private static string? Text(JsonObject node, string name) => node[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
