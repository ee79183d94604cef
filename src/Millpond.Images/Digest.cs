using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>
/// The content address of a blob or manifest, <c>sha256:&lt;64 hex&gt;</c> or <c>sha512:&lt;128 hex&gt;</c> (OCI image spec, descriptor.md).
/// Lower-case hex only, so that one content has one spelling and the text is safe as a file name.
/// </summary>
public readonly record struct Digest
{
    /// <summary>Length of the hex part of a sha256 digest.</summary>
    private const int Sha256HexLength = 64;

    /// <summary>Length of the hex part of a sha512 digest.</summary>
    private const int Sha512HexLength = 128;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    private readonly string? text;

    /// <summary>Found once: a pull looks a digest up in several tables. Randomised for each process, as those of strings are, against made-up collisions.</summary>
    private readonly int hash;

    private Digest(string text)
    {
        this.text = text;
        hash = text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>Whether this is the default value, which names no content.</summary>
    public bool IsEmpty => text is null;

    /// <summary><c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => Text[..Text.IndexOf(':')];

    /// <summary>The lower-case hex part.</summary>
    public string Hex => Text[(Text.IndexOf(':') + 1)..];

    private string Text => text ?? throw new InvalidOperationException("An empty digest has no text.");

    /// <summary>Reads a digest; false for another algorithm, a wrong length, or upper-case hex.</summary>
    public static bool TryParse(ReadOnlySpan<char> value, out Digest digest)
    {
        digest = IsValid(value) ? new Digest(value.ToString()) : default;
        return !digest.IsEmpty;
    }

    /// <summary>Whether the text is a digest.</summary>
    public static bool IsValid(ReadOnlySpan<char> value)
    {
        var colon = value.IndexOf(':');
        if (colon < 0)
        {
            return false;
        }

        var hex = value[(colon + 1)..];
        var wanted = value[..colon] switch
        {
            "sha256" => Sha256HexLength,
            "sha512" => Sha512HexLength,
            _ => -1,
        };
        return hex.Length == wanted && !hex.ContainsAnyExcept(LowerHex);
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, out Digest)"/>
    public static bool TryParse([NotNullWhen(true)] string? value, out Digest digest)
    {
        digest = default;
        return value is not null && TryParse(value.AsSpan(), out digest);
    }

    /// <summary>Reads a digest that must be one.</summary>
    /// <exception cref="FormatException">The text is not a digest.</exception>
    public static Digest Parse(string value) =>
        TryParse(value, out var digest) ? digest : throw new FormatException($"'{value}' is not a sha256 or sha512 digest.");

    /// <summary>The digest of these bytes, by sha256.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[System.Security.Cryptography.SHA256.HashSizeInBytes];
        System.Security.Cryptography.SHA256.HashData(content, hash);
        return FromHash("sha256", hash);
    }

    /// <summary>The digest of these bytes by this digest's own algorithm.</summary>
    public Digest Rehash(ReadOnlySpan<byte> content)
    {
        if (Algorithm != "sha512")
        {
            return Sha256(content);
        }

        Span<byte> hash = stackalloc byte[System.Security.Cryptography.SHA512.HashSizeInBytes];
        System.Security.Cryptography.SHA512.HashData(content, hash);
        return FromHash("sha512", hash);
    }

    /// <summary>A digest from an algorithm's name and a finished hash.</summary>
    /// <exception cref="FormatException">The hash has another length than the algorithm's.</exception>
    public static Digest FromHash(string algorithm, ReadOnlySpan<byte> hash) =>
        Parse(string.Concat(algorithm, ":", Convert.ToHexStringLower(hash)));

    /// <inheritdoc/>
    public bool Equals(Digest other) => hash == other.hash && text == other.text;

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    /// <inheritdoc/>
    public override string ToString() => text ?? "";
}
