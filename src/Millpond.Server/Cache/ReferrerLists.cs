using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Referrers of a digest: upstream's merged with those whose manifests are here.</summary>
internal sealed class ReferrerLists(UpstreamList lists, CatalogDatabase catalog, KnownBlobs known)
{
    /// <summary>An image is often signed minutes after it was first pulled: that there is no referrer yet is not believed for long.</summary>
    private static readonly TimeSpan EmptyLifetime = TimeSpan.FromMinutes(5);

    public async ValueTask<PullResult<ReferrersList>> ListAsync(RuleMatch target, Digest subject, PullOptions options, CancellationToken cancellationToken)
    {
        var theirs = await lists.FindAsync(
            target, $"referrers:{subject}", options, content => Lifetime(target, content), (upstream, token) => AskAsync(upstream, target, subject, token),
            cancellationToken, content => IsKept(target, subject, content));
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
        target.Rule.RevalidateAfter > EmptyLifetime && Read(content).Count == 0 ? EmptyLifetime : target.Rule.RevalidateAfter;

    /// <summary>
    /// Anybody may ask for the referrers of any digest in any repository: that there are none is remembered of what is here, and of referrers
    /// that were listed, whose own are asked for before they are pulled.
    /// </summary>
    private bool IsKept(RuleMatch target, Digest subject, ReadOnlyMemory<byte> content) =>
        known.IsLinked(target.Repository, subject) || Read(content).Count > 0 || catalog.IsListed(target.Repository, subject);

    private static async Task<UpstreamResult<byte[]>> AskAsync(GovernedUpstream upstream, RuleMatch target, Digest subject, CancellationToken cancellationToken)
    {
        var result = await upstream.GetReferrersAsync(RequestReason.Check, target.UpstreamRepository, subject, cancellationToken);
        return result.IsFound
            ? new UpstreamResult<byte[]>(UpstreamOutcome.Found, result.Value.Content.ToArray())
            : result.As<byte[]>();
    }

    private static IReadOnlyList<ReferrerDescriptor> Read(ReadOnlyMemory<byte> index)
    {
        try
        {
            using var json = JsonDocument.Parse(index);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("manifests", out var manifests) && manifests.ValueKind == JsonValueKind.Array
                ? [.. manifests.EnumerateArray().Select(Descriptor).OfType<ReferrerDescriptor>()]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static ReferrerDescriptor? Descriptor(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && Digest.TryParse(Text(json, "digest"), out var digest)
            ? new ReferrerDescriptor(digest, Text(json, "artifactType"), JsonObject.Create(json.Clone())!)
            : null;

    /// <summary>The descriptor that the referrers API gives for a stored manifest: its annotations and artifact type come up with it.</summary>
    private static ReferrerDescriptor Describe(ManifestRow row)
    {
        var type = ManifestDocument.TryParse(row.Content, row.MediaType)?.ArtifactType;
        var json = new JsonObject { ["mediaType"] = row.MediaType, ["digest"] = row.Digest.ToString(), ["size"] = row.Content.Length };
        if (type is not null)
        {
            json["artifactType"] = type;
        }

        using var manifest = JsonDocument.Parse(row.Content);
        if (manifest.RootElement.TryGetProperty("annotations", out var annotations) && annotations.ValueKind == JsonValueKind.Object)
        {
            json["annotations"] = JsonObject.Create(annotations.Clone());
        }

        return new ReferrerDescriptor(row.Digest, type, json);
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
