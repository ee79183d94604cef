using Millpond.Images;

namespace Millpond.Server.Cache.Answers;

/// <summary>A manifest's exact bytes. The texts of its headers are made once, for the hot path.</summary>
public sealed record ManifestContent(Digest Digest, string MediaType, ReadOnlyMemory<byte> Content)
{
    public string DigestText { get; } = Digest.ToString();

    public string EntityTag { get; } = $"\"{Digest}\"";

    public string ContentLengthText { get; } = Content.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>What a HEAD of a blob answers.</summary>
/// <param name="Length">Null where the upstream does not say it: it is there all the same.</param>
public sealed record BlobHead(long? Length);

/// <summary>A page of tags, sorted by ordinal; <see cref="More"/> when another page follows.</summary>
/// <param name="CutAt">After how many entries upstream's list was cut; null where it is whole.</param>
public sealed record TagList(IReadOnlyList<string> Tags, bool More, long? CutAt);

/// <summary>A page of the referrers of a digest, sorted by ordinal; <see cref="More"/> when another page follows.</summary>
/// <param name="CutAt">After how many entries upstream's list was cut; null where it is whole.</param>
public sealed record ReferrersList(IReadOnlyList<ReferrerDescriptor> Manifests, bool More, long? CutAt);

/// <summary>One referrer; <see cref="Json"/> is the whole descriptor as it is answered.</summary>
public sealed record ReferrerDescriptor(string Digest, ReadOnlyMemory<byte> Json);
