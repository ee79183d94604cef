using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>A manifest with what it needs: blobs, or an index's children.</summary>
public sealed record TestImage(TestManifest Manifest, IReadOnlyList<TestBlob> Blobs, IReadOnlyList<TestImage> Children)
{
    public Digest Digest => Manifest.Digest;

    /// <summary>The last blob is the top layer.</summary>
    public TestBlob Layer => Blobs[^1];
}

/// <summary>Images as registries have them; the same arguments give the same bytes.</summary>
public static class TestImages
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    private const string OciConfig = "application/vnd.oci.image.config.v1+json";
    private const string OciLayer = "application/vnd.oci.image.layer.v1.tar";
    private const string Empty = "application/vnd.oci.empty.v1+json";

    /// <summary>An OCI image with real gzip'ed layers that a container runtime can unpack.</summary>
    public static TestImage OnePlatform(int seed = 1, string architecture = "amd64", int layers = 2) =>
        OfTars(seed, architecture, layers, OciManifest, OciConfig, OciLayer + "+gzip", Gzip);

    /// <summary>The same as docker makes it: manifest schema 2.</summary>
    public static TestImage Docker(int seed = 1) =>
        OfTars(
            seed, "amd64", 2, DockerManifest, "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip", Gzip);

    /// <summary>Layers as zstd frames.</summary>
    public static TestImage Zstd(int seed = 1) => OfTars(seed, "amd64", 2, OciManifest, OciConfig, OciLayer + "+zstd", ZstdFrame);

    /// <summary>An image whose layers are these blobs, whatever is in them; its layers are not meant to be unpacked.</summary>
    public static TestImage WithLayers(params TestBlob[] layers)
    {
        var config = TestBlob.Of(Config("amd64", layers.Select(layer => layer.Digest)).ToJsonString());
        return Image(OciManifest, OciConfig, config, OciLayer + "+gzip", layers);
    }

    /// <summary>linux/amd64 and linux/arm64, each with an attestation as buildkit writes it.</summary>
    public static TestImage TwoPlatforms(int seed = 1)
    {
        var amd64 = OnePlatform(seed, "amd64");
        var arm64 = OnePlatform(seed, "arm64");
        TestImage[] children = [amd64, arm64, Attestation(amd64.Digest), Attestation(arm64.Digest)];
        var listed = new JsonArray(
            Platform(amd64.Manifest, "linux", "amd64"),
            Platform(arm64.Manifest, "linux", "arm64"),
            AttestationDescriptor(children[2].Manifest, amd64.Digest),
            AttestationDescriptor(children[3].Manifest, arm64.Digest));
        return new TestImage(Manifest(OciIndex, new() { ["manifests"] = listed }), [], children);
    }

    /// <summary>A manifest without layers that says something of another one.</summary>
    public static TestImage Artifact(string artifactType, TestManifest? subject = null, string content = "{}")
    {
        var empty = TestBlob.Of("{}");
        var layer = TestBlob.Of(content);
        var manifest = new JsonObject
        {
            ["artifactType"] = artifactType,
            ["config"] = Descriptor(Empty, empty.Digest, empty.Length),
            ["layers"] = new JsonArray(Descriptor("application/json", layer.Digest, layer.Length)),
        };
        if (subject is not null)
        {
            manifest["subject"] = subject.Descriptor();
        }

        return new TestImage(Manifest(OciManifest, manifest), [empty, layer], []);
    }

    /// <summary>A Helm chart as <c>helm push</c> makes it.</summary>
    public static TestImage Chart(string name = "chart", string version = "0.1.0")
    {
        var config = TestBlob.Of(new JsonObject { ["apiVersion"] = "v2", ["name"] = name, ["version"] = version, ["type"] = "application" }.ToJsonString());
        var content = TestBlob.Of(Gzip(Tar($"{name}/Chart.yaml", $"apiVersion: v2\nname: {name}\nversion: {version}\ntype: application\n")));
        return Image(OciManifest, "application/vnd.cncf.helm.config.v1+json", config, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", content);
    }

    /// <summary>Docker's old schema 1, which no cache can keep by digest.</summary>
    public static TestManifest SchemaOne(string repository) => TestManifest.Of(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        new() { ["schemaVersion"] = 1, ["name"] = repository, ["tag"] = "old", ["fsLayers"] = new JsonArray(), ["history"] = new JsonArray() });

    public static JsonObject Descriptor(string mediaType, Digest digest, long size) =>
        new() { ["mediaType"] = mediaType, ["digest"] = digest.ToString(), ["size"] = size };

    internal static TestManifest ReferrersIndex(IEnumerable<TestManifest> referrers)
    {
        JsonArray listed = [];
        foreach (var referrer in referrers)
        {
            var descriptor = referrer.Descriptor();
            if (referrer.ArtifactType is { } artifactType)
            {
                descriptor["artifactType"] = artifactType;
            }

            if (referrer.Annotations is { } annotations)
            {
                descriptor["annotations"] = annotations.DeepClone();
            }

            listed.Add((JsonNode)descriptor);
        }

        return Manifest(OciIndex, new() { ["manifests"] = listed });
    }

    private static TestImage OfTars(
        int seed, string architecture, int layers, string mediaType, string configType, string layerType, Func<byte[], byte[]> compress)
    {
        List<byte[]> tars = [.. Enumerable.Range(0, layers).Select(i => Tar($"layer-{i}.txt", $"layer {i} of image {seed} for {architecture}\n"))];
        var config = TestBlob.Of(Config(architecture, tars.Select(tar => Digest.Sha256(tar))).ToJsonString());
        return Image(mediaType, configType, config, layerType, [.. tars.Select(tar => TestBlob.Of(compress(tar)))]);
    }

    private static TestImage Image(string mediaType, string configType, TestBlob config, string layerType, params TestBlob[] layers)
    {
        var manifest = new JsonObject
        {
            ["config"] = Descriptor(configType, config.Digest, config.Length),
            ["layers"] = new JsonArray([.. layers.Select(layer => Descriptor(layerType, layer.Digest, layer.Length))]),
        };
        return new TestImage(Manifest(mediaType, manifest), [config, .. layers], []);
    }

    private static TestManifest Manifest(string mediaType, JsonObject rest)
    {
        var whole = new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = mediaType };
        foreach (var (name, value) in rest)
        {
            whole[name] = value?.DeepClone();
        }

        return TestManifest.Of(mediaType, whole);
    }

    private static JsonObject Config(string architecture, IEnumerable<Digest> diffIds) => new()
    {
        ["architecture"] = architecture,
        ["os"] = "linux",
        ["config"] = new JsonObject(),
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. diffIds.Select(id => JsonValue.Create(id.ToString()))]) },
    };

    private static TestImage Attestation(Digest of)
    {
        var statement = TestBlob.Of($$$"""{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":"{{{of.Hex}}}"}}]}""");
        var config = TestBlob.Of(Config("unknown", [statement.Digest]).ToJsonString());
        return Image(OciManifest, OciConfig, config, "application/vnd.in-toto+json", statement);
    }

    private static JsonObject Platform(TestManifest manifest, string system, string architecture)
    {
        var descriptor = manifest.Descriptor();
        descriptor["platform"] = new JsonObject { ["architecture"] = architecture, ["os"] = system };
        return descriptor;
    }

    private static JsonObject AttestationDescriptor(TestManifest manifest, Digest of)
    {
        var descriptor = Platform(manifest, "unknown", "unknown");
        descriptor["annotations"] = new JsonObject
        {
            ["vnd.docker.reference.digest"] = of.ToString(),
            ["vnd.docker.reference.type"] = "attestation-manifest",
        };
        return descriptor;
    }

    private static byte[] Tar(string name, string text)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Ustar, leaveOpen: true))
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
            {
                ModificationTime = DateTimeOffset.UnixEpoch,
                DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)),
            });
        }

        return tar.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return compressed.ToArray();
    }

    /// <summary>A zstd frame (RFC 8878) of one raw block: no encoder is needed, and every decoder reads it.</summary>
    private static byte[] ZstdFrame(byte[] content)
    {
        // Magic number; a single segment with a content size of 4 bytes; then the header of the last block: raw, its size from bit 3 on.
        var header = (content.Length << 3) | 1;
        return [0x28, 0xB5, 0x2F, 0xFD, 0xA0, .. BitConverter.GetBytes(content.Length), (byte)header, (byte)(header >> 8), (byte)(header >> 16), .. content];
    }
}
