using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>The repositories of a <see cref="FakeUpstream"/>.</summary>
internal sealed class UpstreamContents
{
    private readonly ConcurrentDictionary<string, Repository> repositories = new(StringComparer.Ordinal);

    public void AddBlob(string repository, TestBlob blob) => Get(repository).Blobs[blob.Digest.ToString()] = blob;

    /// <summary>Other bytes under the digest.</summary>
    public void AddLie(string repository, Digest digest, TestBlob instead) => Get(repository).Blobs[digest.ToString()] = instead;

    public void AddManifest(string repository, TestManifest manifest, bool keepFallbackTag)
    {
        var target = Get(repository);
        target.Manifests[manifest.Digest.ToString()] = manifest;
        if (keepFallbackTag && manifest.Subject is { } subject)
        {
            var index = TestImages.ReferrersIndex(Referrers(repository, subject));
            target.Manifests[index.Digest.ToString()] = index;
            target.Tags[subject.ToString().Replace(':', '-')] = index.Digest.ToString();
        }
    }

    public void Tag(string repository, string tag, Digest digest) => Get(repository).Tags[tag] = digest.ToString();

    public void RemoveTag(string repository, string tag) => Get(repository).Tags.TryRemove(tag, out _);

    public void RemoveManifest(string repository, Digest digest) => Get(repository).Manifests.TryRemove(digest.ToString(), out _);

    public void RemoveBlob(string repository, Digest digest) => Get(repository).Blobs.TryRemove(digest.ToString(), out _);

    public void MakePrivate(string repository) => Get(repository).IsPrivate = true;

    public bool Has(string repository) => repositories.ContainsKey(repository);

    public bool IsPrivate(string repository) => repositories.TryGetValue(repository, out var found) && found.IsPrivate;

    public TestManifest? FindManifest(string repository, string reference)
    {
        if (!repositories.TryGetValue(repository, out var found))
        {
            return null;
        }

        var digest = reference.Contains(':', StringComparison.Ordinal) ? reference : found.Tags.GetValueOrDefault(reference);
        return digest is null ? null : found.Manifests.GetValueOrDefault(digest);
    }

    public TestBlob? FindBlob(string repository, string digest) =>
        repositories.TryGetValue(repository, out var found) ? found.Blobs.GetValueOrDefault(digest) : null;

    /// <summary>A blob of any repository: what a blob host knows.</summary>
    public TestBlob? FindBlob(string digest) =>
        repositories.Values.Select(repository => repository.Blobs.GetValueOrDefault(digest)).FirstOrDefault(blob => blob is not null);

    public IEnumerable<string> Tags(string repository) =>
        repositories.TryGetValue(repository, out var found) ? found.Tags.Keys.Order(StringComparer.Ordinal) : [];

    public IEnumerable<TestManifest> Referrers(string repository, Digest subject) =>
        repositories.TryGetValue(repository, out var found)
            ? found.Manifests.Values.Where(manifest => manifest.Subject == subject).OrderBy(manifest => manifest.Digest.ToString(), StringComparer.Ordinal)
            : [];

    private Repository Get(string repository) => repositories.GetOrAdd(repository, _ => new Repository());

    private sealed class Repository
    {
        public ConcurrentDictionary<string, TestManifest> Manifests { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, TestBlob> Blobs { get; } = new(StringComparer.Ordinal);

        public bool IsPrivate { get; set; }
    }
}

/// <summary>A manifest's exact bytes.</summary>
public sealed record TestManifest(string MediaType, byte[] Content)
{
    public Digest Digest { get; init; } = Digest.Sha256(Content);

    public Digest? Subject { get; } = (string?)Parse(Content)?["subject"]?["digest"] is { } text ? Digest.Parse(text) : null;

    public string? ArtifactType => (string?)Parse(Content)?["artifactType"] ?? (string?)Parse(Content)?["config"]?["mediaType"];

    /// <summary>What the referrers API lists of it.</summary>
    public JsonNode? Annotations => Parse(Content)?["annotations"];

    public static TestManifest Of(string mediaType, JsonObject content) =>
        new(mediaType, System.Text.Encoding.UTF8.GetBytes(content.ToJsonString()));

    /// <summary>How an index lists it.</summary>
    public JsonObject Descriptor() => TestImages.Descriptor(MediaType, Digest, Content.Length);

    private static JsonObject? Parse(byte[] content)
    {
        try
        {
            return JsonNode.Parse(content) as JsonObject;
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }
}
