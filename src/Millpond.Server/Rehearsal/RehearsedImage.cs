using System.Text;
using Millpond.Images;

namespace Millpond.Server.Rehearsal;

/// <summary>An image that nobody has made: a manifest, its config and one layer, the same each time.</summary>
internal sealed class RehearsedImage
{
    public const string Repository = "rehearsal";
    public const string Tag = "latest";

    /// <summary>More than what is reserved on the disk in one piece, so that the layer takes the whole way through a fill.</summary>
    private const int LayerSize = 5 << 20;

    private readonly Dictionary<string, byte[]> blobs = [];

    public RehearsedImage()
    {
        var config = Add("{}"u8.ToArray());
        var layer = Add(new byte[LayerSize]);
        Manifest = Encoding.UTF8.GetBytes(
            $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestTypes.OciManifest}}","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{{config}}","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{{layer}}","size":{{LayerSize}}}]}
            """);
        ManifestDigest = Digest.Sha256(Manifest).ToString();
    }

    public byte[] Manifest { get; }

    public string ManifestDigest { get; }

    public IEnumerable<string> Blobs => blobs.Keys;

    public byte[]? Blob(string digest) => blobs.GetValueOrDefault(digest);

    private string Add(byte[] content)
    {
        var digest = Digest.Sha256(content).ToString();
        blobs.Add(digest, content);
        return digest;
    }
}
