using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Access.Tokens;

/// <summary>Whom a token is for.</summary>
public enum TokenKind : byte
{
    /// <summary>Whoever has this access key.</summary>
    AccessKey = 1,

    /// <summary>The robot of this name, with the password it had.</summary>
    Robot = 2,

    /// <summary>Nobody: a client that asked for a token without a login.</summary>
    Anonymous = 3,

    /// <summary>Whoever has the URL of one layer, while the key that asked for it is there: no login.</summary>
    Layer = 4,
}

/// <summary>What a genuine token says.</summary>
/// <param name="Subject">The key's id, or the robot's name and the version of its password.</param>
public readonly record struct TokenClaims(TokenKind Kind, string Subject, DateTimeOffset ExpiresAt);

/// <summary>
/// Tokens for <c>/v2/</c>: who, until when, and a code over both that only this server makes. Nothing of them is stored, so they outlive a
/// restart and cost nothing; they end with what they are for. Made of letters, digits, <c>-</c> and <c>_</c>: no colon, and nothing that is a
/// plus or a slash in base64, wherever it stands.
/// </summary>
public sealed class RegistryTokens
{
    /// <summary>The parameter of a layer's URL that its token is in.</summary>
    public const string LayerParameter = "millpond-token";

    private const byte Format = 1;
    private const int HeadBytes = 1 + 1 + sizeof(long);
    private const int Longest = 512;
    private const int KeyBytes = 32;
    private const string KeyName = "token-key";

    private readonly byte[] key;
    private readonly TimeProvider time;

    private RegistryTokens(byte[] key, TimeProvider time) => (this.key, this.time) = (key, time);

    /// <summary>With the key that is sealed in the catalog, made where there is none.</summary>
    public static async Task<RegistryTokens> OpenAsync(ControlTables control, KeyRing ring, TimeProvider time)
    {
        var purpose = SealedTable.PurposeOfValue(KeyName);
        if (await control.Sealed.FindAsync(KeyName) is { } content)
        {
            return new(ring.Open(purpose, content), time);
        }

        var key = RandomNumberGenerator.GetBytes(KeyBytes);
        await control.Sealed.PutAsync(KeyName, ring.Seal(purpose, key));
        return new(key, time);
    }

    public (string Token, DateTimeOffset ExpiresAt) Make(TokenKind kind, string subject, TimeSpan lifetime, DateTimeOffset? noLongerThan = null)
    {
        // To the second, as it is written down.
        var expires = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + lifetime).ToUnixTimeSeconds());
        expires = noLongerThan is { } limit && limit < expires ? limit : expires;
        var name = Encoding.UTF8.GetBytes(subject);
        var content = new byte[HeadBytes + name.Length + SHA256.HashSizeInBytes];
        content[0] = Format;
        content[1] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(2), expires.ToUnixTimeSeconds());
        name.CopyTo(content, HeadBytes);
        HMACSHA256.HashData(key, content.AsSpan(0, HeadBytes + name.Length), content.AsSpan(HeadBytes + name.Length));
        return (Base64Url.EncodeToString(content), expires);
    }

    /// <summary>A token for one layer, for whoever has it while the key that asked for it is there.</summary>
    public string MakeForLayer(string keyId, string repository, string digest, TimeSpan lifetime) =>
        Make(TokenKind.Layer, $"{keyId}\n{HashOfLayer(repository, digest)}", lifetime).Token;

    /// <summary>The id of the key that asked for a token for this layer; null where it is none, or over.</summary>
    public string? FindKeyOfLayer(string token, string repository, string digest) =>
        Read(token) is { Kind: TokenKind.Layer } claims && claims.ExpiresAt > time.GetUtcNow()
        && claims.Subject.Split('\n') is [var keyId, var hash] && hash == HashOfLayer(repository, digest)
            ? keyId
            : null;

    /// <summary>Of one length, whatever the length of the repository's name.</summary>
    private static string HashOfLayer(string repository, string digest) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{repository}@{digest}")));

    /// <summary>Reads a token that this server has made, be it over or not; null for any other text.</summary>
    public TokenClaims? Read(ReadOnlySpan<char> token)
    {
        Span<byte> content = stackalloc byte[Longest];
        if (token.Length > Longest || Base64Url.DecodeFromChars(token, content, out _, out var length) != OperationStatus.Done || length < HeadBytes + SHA256.HashSizeInBytes)
        {
            return null;
        }

        var body = content[..(length - SHA256.HashSizeInBytes)];
        Span<byte> expected = stackalloc byte[SHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, body, expected);
        return CryptographicOperations.FixedTimeEquals(expected, content[body.Length..length]) && body[0] == Format
            ? new((TokenKind)body[1], Encoding.UTF8.GetString(body[HeadBytes..]), DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(body[2..])))
            : null;
    }
}
