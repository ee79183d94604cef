using System.Text;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>Makes the parts of a shape; the same name gives the same bytes, another name others.</summary>
internal sealed class ShapeBuilder(string name, string algorithm = "sha256")
{
    public const string ConfigType = "application/vnd.oci.image.config.v1+json";
    public const string LayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
    public const string EmptyType = "application/vnd.oci.empty.v1+json";

    private readonly List<TestBlob> blobs = [];
    private readonly List<ShapeManifest> manifests = [];
    private int made;

    public DataShape Build() => new(name, [.. blobs.DistinctBy(blob => blob.Digest)], [.. manifests]);

    public TestBlob Blob(byte[] content)
    {
        var blob = TestBlob.Of(content, algorithm);
        blobs.Add(blob);
        return blob;
    }

    /// <summary>Bytes that no other shape has.</summary>
    public TestBlob Unique(int length = 300)
    {
        var content = new byte[length];
        new Random(StableSeed($"{name} {algorithm} {made++}")).NextBytes(content);
        return Blob(content);
    }

    public TestBlob Empty() => Blob("{}"u8.ToArray());

    public static JsonObject Descriptor(string mediaType, TestBlob blob, bool withData = false)
    {
        var descriptor = TestImages.Descriptor(mediaType, blob.Digest, blob.Length);
        if (withData)
        {
            descriptor["data"] = Convert.ToBase64String(blob.ToArray());
        }

        return descriptor;
    }

    /// <summary>An image of two layers, or of these.</summary>
    public TestManifest Image(string? tag = null, JsonArray? layers = null, JsonObject? further = null, string architecture = "amd64", bool withData = false)
    {
        var config = Blob(Encoding.UTF8.GetBytes(new JsonObject { ["architecture"] = architecture, ["os"] = "linux", ["of"] = $"{name} {made++}" }.ToJsonString()));
        return Manifest(TestImages.OciManifest, tag, further, new()
        {
            ["config"] = Descriptor(ConfigType, config, withData),
            ["layers"] = layers ?? [Descriptor(LayerType, Unique(), withData), Descriptor(LayerType, Unique(), withData)],
        });
    }

    public TestManifest Artifact(string? artifactType, string? tag = null, TestManifest? subject = null, string configType = EmptyType, bool noLayers = false)
    {
        var further = new JsonObject { ["annotations"] = new JsonObject { ["org.example.of"] = $"{name} {made++}", ["org.example.text"] = "two\nlines, \"quoted\", ünïcode" } };
        if (artifactType is not null)
        {
            further["artifactType"] = artifactType;
        }

        if (subject is not null)
        {
            further["subject"] = subject.Descriptor();
        }

        return Manifest(TestImages.OciManifest, tag, further, new()
        {
            ["config"] = Descriptor(configType, Empty()),
            ["layers"] = new JsonArray(noLayers ? Descriptor(EmptyType, Empty()) : Descriptor("application/vnd.example.data", Unique())),
        });
    }

    public TestManifest Index(string? tag, IEnumerable<TestManifest> children, JsonObject? further = null) =>
        Manifest(TestImages.OciIndex, tag, further, new() { ["manifests"] = new JsonArray([.. children.Select(child => child.Descriptor())]) });

    public TestManifest Manifest(string mediaType, string? tag, JsonObject? further, JsonObject rest)
    {
        var whole = new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = mediaType };
        foreach (var (key, value) in rest.Concat(further ?? []))
        {
            whole[key] = value?.DeepClone();
        }

        // Not as a serialiser would write it: the exact bytes are what counts.
        return Add(mediaType, Encoding.UTF8.GetBytes(whole.ToJsonString(new() { WriteIndented = true }) + "\n"), tag);
    }

    public TestManifest Add(string mediaType, byte[] content, string? tag)
    {
        var manifest = new TestManifest(mediaType, content) { Digest = TestBlob.Of(content, algorithm).Digest };
        manifests.Add(new ShapeManifest(manifest, tag));
        return manifest;
    }

    /// <summary>What is never pushed.</summary>
    public TestManifest Absent() => new(TestImages.OciManifest, Encoding.UTF8.GetBytes($"absent {name} {made++}")) { Digest = Missing() };

    public Digest Missing() => TestBlob.Of(Encoding.UTF8.GetBytes($"missing {name} {made++}"), algorithm).Digest;

    private static int StableSeed(string text) => BitConverter.ToInt32(Convert.FromHexString(Digest.Sha256(Encoding.UTF8.GetBytes(text)).Hex), 0);
}
