using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>
/// An image reference, <c>[host[:port]/]path[:tag][@digest]</c>, by the grammar of distribution/reference. The text is kept exactly,
/// with the places of its parts, so that an editor can splice; what is meant (Docker Hub's names folded, <c>library/</c> filled in)
/// is in <see cref="Domain"/>, <see cref="Path"/> and <see cref="Normalised"/>. Neither a tag is added nor one dropped beside a digest.
/// </summary>
public readonly struct ImageReference : IEquatable<ImageReference>
{
    private const int ImageIdLength = 64;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    private readonly string? text;
    private readonly int hostLength;
    private readonly int nameEnd;
    private readonly int tagEnd;

    private ImageReference(string text, int hostLength, int nameEnd, int tagEnd)
    {
        this.text = text;
        this.hostLength = hostLength;
        this.nameEnd = nameEnd;
        this.tagEnd = tagEnd;
    }

    /// <summary>The reference as it was written.</summary>
    public string Text => text ?? throw new InvalidOperationException("An empty reference has no text.");

    /// <summary>The host as written; empty where none was.</summary>
    public ReadOnlySpan<char> WrittenHost => Text.AsSpan(0, hostLength);

    /// <summary>The path as written: without <c>library/</c> where that was left out.</summary>
    public ReadOnlySpan<char> WrittenPath => Text.AsSpan(PathStart, nameEnd - PathStart);

    /// <summary>Host and path as written.</summary>
    public ReadOnlySpan<char> WrittenName => Text.AsSpan(0, nameEnd);

    /// <summary>All that follows the name: <c>:tag</c>, <c>@digest</c>, both or nothing.</summary>
    public ReadOnlySpan<char> Suffix => Text.AsSpan(nameEnd);

    /// <summary>The registry that is meant; <c>docker.io</c> where no host is written or one of Docker Hub's. Others keep their case.</summary>
    public string Domain => IsDockerHub ? UpstreamHosts.DockerHub : WrittenHost.ToString();

    /// <summary><see cref="Domain"/> without a string of its own.</summary>
    public ReadOnlySpan<char> Host => IsDockerHub ? UpstreamHosts.DockerHub : WrittenHost;

    /// <summary>Whether the registry that is meant is Docker Hub.</summary>
    public bool IsDockerHub => hostLength == 0 || UpstreamHosts.IsDockerHub(WrittenHost);

    /// <summary>The repository at that registry, with <c>library/</c> filled in.</summary>
    public RepositoryName Path
    {
        get
        {
            var written = RepositoryName.TryParse(WrittenPath, out var name) ? name : throw new InvalidOperationException("An empty reference has no path.");
            return NameMap.TryAddLibrary(Host, written, out var whole) ? whole : written;
        }
    }

    public string? Tag => tagEnd > nameEnd ? Text[(nameEnd + 1)..tagEnd] : null;

    public Digest? Digest => tagEnd < Text.Length ? Images.Digest.Parse(Text[(tagEnd + 1)..]) : null;

    /// <summary>The reference spelt out: host, whole path, and tag and digest as they are.</summary>
    public string Normalised => string.Concat(Domain, "/", Path.ToString(), Suffix);

    /// <summary>The shortest usual spelling: without <c>docker.io/</c> and <c>library/</c> where the rest still means the same.</summary>
    public string Familiar
    {
        get
        {
            if (!IsDockerHub)
            {
                return Text;
            }

            var shortened = string.Concat(NameMap.RemoveLibrary(Host, Path).ToString(), Suffix);
            // A first part like "localhost" or "a.b" would be read as a host, and 64 hexadecimal digits as an image's ID.
            return TryParse(shortened, out var again) && again.hostLength == 0 ? shortened : Normalised;
        }
    }

    private int PathStart => hostLength == 0 ? 0 : hostLength + 1;

    /// <summary>Reads a reference, or says what is wrong with it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ImageReference reference, out ReferenceFault fault)
    {
        reference = default;
        fault = ReferenceFault.Empty;
        if (string.IsNullOrEmpty(text))
        {
            return false;
        }

        if (IsImageId(text))
        {
            fault = ReferenceFault.ImageId;
            return false;
        }

        var hostLength = FindHost(text);
        var pathStart = hostLength == 0 ? 0 : hostLength + 1;
        // After the host there is no colon but the tag's and, behind the @, the digest's.
        var at = text.IndexOf('@', pathStart);
        var tagEnd = at < 0 ? text.Length : at;
        var colon = text.AsSpan(pathStart, tagEnd - pathStart).IndexOf(':');
        var nameEnd = colon < 0 ? tagEnd : pathStart + colon;
        fault = Check(text, hostLength, pathStart, nameEnd, tagEnd);
        if (fault != ReferenceFault.None)
        {
            return false;
        }

        reference = new ImageReference(text, hostLength, nameEnd, tagEnd);
        return true;
    }

    /// <inheritdoc cref="TryParse(string?, out ImageReference, out ReferenceFault)"/>
    public static bool TryParse([NotNullWhen(true)] string? text, out ImageReference reference) => TryParse(text, out reference, out _);

    /// <summary>Reads a reference that must be one.</summary>
    /// <exception cref="FormatException">The text is not a reference.</exception>
    public static ImageReference Parse(string text) =>
        TryParse(text, out var reference, out var fault)
            ? reference
            : throw new FormatException($"'{text}' is not an image reference: {fault.Describe()}.");

    /// <summary>Whether both mean the same: equal when normalised, the host's case aside.</summary>
    public bool MeansSameAs(ImageReference other) =>
        Suffix.SequenceEqual(other.Suffix) && UpstreamHosts.AreSame(Host, other.Host) && Path == other.Path;

    /// <inheritdoc/>
    public bool Equals(ImageReference other) => string.Equals(text, other.text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ImageReference other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => text?.GetHashCode(StringComparison.Ordinal) ?? 0;

    public static bool operator ==(ImageReference left, ImageReference right) => left.Equals(right);

    public static bool operator !=(ImageReference left, ImageReference right) => !left.Equals(right);

    /// <summary>The reference as it was written.</summary>
    public override string ToString() => text ?? "";

    /// <summary>Whether a first path part, which a <c>/</c> follows, is a host: localhost, or with a dot, a colon or an upper-case letter.</summary>
    private static bool LooksLikeHost(ReadOnlySpan<char> part) => part is "localhost" || part.ContainsAny(".:") || part.ContainsAnyInRange('A', 'Z');

    private static int FindHost(ReadOnlySpan<char> text)
    {
        var slash = text.IndexOf('/');
        return slash > 0 && LooksLikeHost(text[..slash]) ? slash : 0;
    }

    private static bool IsImageId(ReadOnlySpan<char> text)
    {
        var hex = text.StartsWith("sha256:") ? text["sha256:".Length..] : text;
        return hex.Length == ImageIdLength && !hex.ContainsAnyExcept(LowerHex);
    }

    private static ReferenceFault Check(ReadOnlySpan<char> text, int hostLength, int pathStart, int nameEnd, int tagEnd)
    {
        var host = text[..hostLength];
        var path = text[pathStart..nameEnd];
        if (hostLength > 0 && !UpstreamHosts.IsWellFormed(host))
        {
            return ReferenceFault.Host;
        }

        if (path.ContainsAnyInRange('A', 'Z'))
        {
            return ReferenceFault.UpperCaseName;
        }

        if (NameMap.LengthWithLibrary(hostLength == 0 ? UpstreamHosts.DockerHub : host, path) > RepositoryName.MaxLength)
        {
            return ReferenceFault.NameTooLong;
        }

        if (!RepositoryName.IsValid(path))
        {
            return ReferenceFault.Name;
        }

        if (tagEnd > nameEnd && !Images.Tag.IsValid(text[(nameEnd + 1)..tagEnd]))
        {
            return ReferenceFault.Tag;
        }

        return tagEnd == text.Length || Images.Digest.IsValid(text[(tagEnd + 1)..]) ? ReferenceFault.None : ReferenceFault.Digest;
    }
}
