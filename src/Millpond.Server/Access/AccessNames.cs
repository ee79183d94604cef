using System.Security.Cryptography;

namespace Millpond.Server.Access;

/// <summary>Actions that several parts ask about, and access keys as AWS's look: tools know them by their first letters and lengths.</summary>
internal static class AccessNames
{
    /// <summary>The action of reading what the server says of itself.</summary>
    public const string Observe = "millpond:Observe";

    /// <summary>The action of having upstream asked for what is not here.</summary>
    public const string Import = "ecr:BatchImportUpstreamImage";

    public const string NewRepository = "ecr:CreateRepository";

    private const string KeyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const string SecretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>40 characters of 62: more than 200 bits.</summary>
    private const int SecretLength = 40;

    private const int SessionTokenLength = 64;

    /// <param name="isSession">Whether it comes with a session token.</param>
    public static string NewKeyId(bool isSession) => (isSession ? "ASIA" : "AKIA") + RandomNumberGenerator.GetString(KeyAlphabet, 16);

    public static string NewSecret() => RandomNumberGenerator.GetString(SecretAlphabet, SecretLength);

    public static string NewSessionToken() => RandomNumberGenerator.GetString(SecretAlphabet, SessionTokenLength);
}
