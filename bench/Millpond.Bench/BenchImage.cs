using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Millpond.Bench;

/// <summary>One image as the files of a static registry: <c>/v2/demo/image/…</c>.</summary>
/// <param name="Layers">Of a second image, <c>2</c>: as many as are pulled one after the other.</param>
internal sealed record BenchImage(
    string Root, string ManifestDigest, string SecondDigest, BenchBlob Big, BenchBlob Shared, BenchBlob Small, IReadOnlyList<BenchBlob> Tiny, IReadOnlyList<BenchBlob> Layers)
{
    public const string Repository = "demo/image";
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    /// <summary>Blobs of the size of an attestation or a chart; as many as a repository may have of them.</summary>
    private const int TinyCount = 64;
    private const int TinySize = 64 << 10;
    private const int FirstTinySeed = 100;

    private const int LayerCount = 24;
    private const int LayerSize = 4 << 20;
    private const int FirstLayerSeed = 200;

    public static BenchImage Write(string root, BenchOptions options)
    {
        var folder = Path.Join(root, "v2", Repository);
        Directory.CreateDirectory(Path.Join(folder, "manifests"));
        Directory.CreateDirectory(Path.Join(folder, "blobs"));
        var big = WriteBlob(folder, seed: 1, options.BlobSize);
        var shared = WriteBlob(folder, seed: 2, options.SharedBlobSize);
        var small = WriteBlob(folder, seed: 4, options.SmallBlobSize);
        var config = WriteBlob(folder, seed: 3, 1500);
        List<BenchBlob> layers = [.. Enumerable.Range(FirstLayerSeed, LayerCount).Select(seed => WriteBlob(folder, seed, LayerSize))];
        return new BenchImage(
            root, WriteManifest(folder, "1", config, [big, shared, small]), WriteManifest(folder, "2", config, layers), big, shared, small,
            [.. Enumerable.Range(FirstTinySeed, TinyCount).Select(seed => WriteBlob(folder, seed, TinySize))], layers);
    }

    private static string WriteManifest(string folder, string tag, BenchBlob config, IEnumerable<BenchBlob> layers)
    {
        var manifest = $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}","config":{{Descriptor("config.v1+json", config)}},
            "layers":[{{string.Join(',', layers.Select(static layer => Descriptor("layer.v1.tar", layer)))}}],
            "annotations":{"org.opencontainers.image.description":"{{new string('x', 1200)}}" } }
            """;
        var content = Encoding.UTF8.GetBytes(manifest);
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
        File.WriteAllBytes(Path.Join(folder, "manifests", tag), content);
        File.WriteAllBytes(Path.Join(folder, "manifests", digest), content);
        return digest;
    }

    private static string Descriptor(string type, BenchBlob blob) =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"mediaType":"application/vnd.oci.image.{{type}}","digest":"{{blob.Digest}}","size":{{blob.Size}}}""");

    private static BenchBlob WriteBlob(string folder, int seed, long size)
    {
        var random = new Random(seed);
        var block = new byte[1 << 20];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var partial = Path.Join(folder, "blobs", "partial");
        using (var file = File.Create(partial, bufferSize: 0))
        {
            for (var left = size; left > 0; left -= block.Length)
            {
                var part = block.AsSpan(0, (int)Math.Min(left, block.Length));
                random.NextBytes(part);
                hash.AppendData(part);
                file.Write(part);
            }
        }

        var digest = $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
        File.Move(partial, Path.Join(folder, "blobs", digest));
        return new BenchBlob(digest, size);
    }
}

internal sealed record BenchBlob(string Digest, long Size)
{
    public double Gigabytes => Size / 1e9;
}
