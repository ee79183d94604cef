using Millpond.Images;

namespace Millpond.Server.Upstream;

/// <summary>A manifest's HEAD. <see cref="Digest"/> is null where the upstream sends no <c>Docker-Content-Digest</c>.</summary>
public sealed record ManifestHead(Digest? Digest, string MediaType, long? Length);

/// <summary>A manifest's exact bytes, already verified: against the asked digest, or the upstream's digest header, else hashed by sha256.</summary>
public sealed record ManifestBody(Digest Digest, string MediaType, string? OwnMediaType, ReadOnlyMemory<byte> Content);

/// <summary>What a closed one-byte range said of a blob.</summary>
public sealed record BlobProbe(long? Length);

/// <summary>Some bytes of a blob: where they lie in it, and how long it is where the upstream said so.</summary>
public sealed record BlobPart(long Start, ReadOnlyMemory<byte> Bytes, long? TotalLength);

/// <summary>
/// A blob's body that is being downloaded; the caller disposes it. <see cref="Start"/> is where the body begins: the offset asked for,
/// or 0 where the upstream ignored the range (200 instead of 206).
/// </summary>
/// <param name="TotalLength">The whole blob's length where the upstream said it (Content-Range's total, or a 200's Content-Length).</param>
/// <param name="BodyLength">How many bytes this body promises; null when chunked.</param>
public sealed record BlobBody(Stream Content, long Start, long? TotalLength, long? BodyLength, IDisposable Owner) : IDisposable
{
    public void Dispose()
    {
        Content.Dispose();
        Owner.Dispose();
    }
}

/// <summary>One page of tags; <see cref="Last"/> continues it (from the upstream's <c>Link</c>), null at the end.</summary>
public sealed record TagPage(IReadOnlyList<string> Tags, string? Last);

/// <summary>A page of the referrers index of a digest, exact bytes; <see cref="IsFallback"/> when it came from the <c>sha256-&lt;hex&gt;</c> tag.</summary>
/// <param name="Next">What asks for the page after it; null at the end.</param>
public sealed record ReferrersBody(ReadOnlyMemory<byte> Content, bool IsFallback, string? Next = null);

/// <summary>Bytes <see cref="From"/> to <see cref="To"/>, both included; null = to the end, for blobs whose length nobody said.</summary>
public readonly record struct ByteRange(long From, long? To);
