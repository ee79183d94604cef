using Millpond.Images;

namespace Millpond.Server.Cache;

/// <summary>A manifest's exact bytes. The texts of its headers are made once, for the hot path.</summary>
public sealed record ManifestContent(Digest Digest, string MediaType, ReadOnlyMemory<byte> Content)
{
    public string DigestText { get; } = Digest.ToString();

    public string EntityTag { get; } = $"\"{Digest}\"";

    public string ContentLengthText { get; } = Content.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>What a HEAD of a blob answers.</summary>
public sealed record BlobHead(long Length);

/// <summary>A page of tags, sorted by ordinal; <see cref="More"/> when another page follows.</summary>
public sealed record TagList(IReadOnlyList<string> Tags, bool More);

/// <summary>The referrers of a digest as an OCI image index, before filtering by artifact type.</summary>
public sealed record ReferrersList(IReadOnlyList<ReferrerDescriptor> Manifests);

/// <summary>One referrer; <see cref="Json"/> is the whole descriptor as it is answered.</summary>
public sealed record ReferrerDescriptor(Digest Digest, string? ArtifactType, System.Text.Json.Nodes.JsonObject Json);
