using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>A manifest and what it is tagged.</summary>
internal sealed record ShapeManifest(TestManifest Manifest, string? Tag = null)
{
    public Digest Digest => Manifest.Digest;

    public JsonNode Json { get; } = JsonNode.Parse(Manifest.Content)!;
}

/// <summary>A kind of content: blobs, and manifests in the order in which they are pushed.</summary>
internal sealed record DataShape(string Name, IReadOnlyList<TestBlob> Blobs, IReadOnlyList<ShapeManifest> Manifests)
{
    /// <summary>Every digest that can be asked for referrers, with what refers to it.</summary>
    public ILookup<Digest, ShapeManifest> Referrers { get; } =
        Manifests.Where(manifest => manifest.Manifest.Subject is not null).ToLookup(manifest => manifest.Manifest.Subject!.Value);

    public IReadOnlyList<string> Tags { get; } = [.. Manifests.Select(manifest => manifest.Tag!).Where(tag => tag is not null).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Pushes everything, as a client would.</summary>
    public async Task PushAsync(RegistryUnderTest registry, string repository)
    {
        foreach (var blob in Blobs)
        {
            await registry.PushAsync(repository, blob.ToArray(), blob.Digest);
        }

        foreach (var manifest in Manifests)
        {
            foreach (var reference in (object?[])[manifest.Digest, manifest.Tag])
            {
                if (reference is not null)
                {
                    (await registry.PutManifestAsync(repository, reference, manifest.Manifest.MediaType, manifest.Manifest.Content)).Expect(201);
                }
            }
        }
    }

    /// <summary>Puts everything behind a cache.</summary>
    public void AddTo(FakeUpstream upstream, string repository)
    {
        foreach (var blob in Blobs)
        {
            upstream.AddBlob(repository, blob);
        }

        foreach (var (manifest, tag) in Manifests)
        {
            upstream.AddManifest(repository, manifest, tag is null ? [] : [tag]);
        }
    }
}
