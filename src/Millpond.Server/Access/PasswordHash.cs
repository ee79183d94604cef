using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Millpond.Server.Access;

/// <summary>Passwords at rest: PBKDF2 with SHA-256 and a salt, in the usual text form <c>$pbkdf2-sha256$i=N$salt$hash</c>.</summary>
public static class PasswordHash
{
    private const string Name = "pbkdf2-sha256";

    /// <summary>What OWASP asks for; some 100 ms.</summary>
    private const int Iterations = 600_000;

    private const int MostIterations = 5_000_000;
    private const int SaltBytes = 16;

    public static string Of(string password) => Of(password, Iterations);

    /// <summary>Fewer rounds are enough for a password that was made at random: nobody guesses 200 bits.</summary>
    public static string OfRandom(string password) => Of(password, 1);

    /// <summary>Whether a hash costs nothing to compare, so that the time would tell that there is one.</summary>
    public static bool IsOfRandom(string hash) => hash.StartsWith($"${Name}$i=1$", StringComparison.Ordinal);

    /// <summary>Whether a text is a hash that <see cref="Fits"/> reads.</summary>
    public static bool IsHash(string text) => TryParse(text, out _, out _, out _);

    /// <summary>Compares in constant time.</summary>
    public static bool Fits(string hash, string password) =>
        TryParse(hash, out var iterations, out var salt, out var expected)
        && CryptographicOperations.FixedTimeEquals(Derive(password, salt, iterations, expected.Length), expected);

    private static string Of(string password, int iterations)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"${Name}$i={iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(Derive(password, salt, iterations, SHA256.HashSizeInBytes))}");
    }

    private static byte[] Derive(string password, byte[] salt, int iterations, int length) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, length);

    private static bool TryParse(string text, out int iterations, out byte[] salt, out byte[] hash)
    {
        (iterations, salt, hash) = (0, [], []);
        if (text.Split('$') is not ["", Name, var rounds, var saltText, var hashText]
            || !rounds.StartsWith("i=", StringComparison.Ordinal)
            || !int.TryParse(rounds.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out iterations)
            || iterations is 0 or > MostIterations)
        {
            return false;
        }

        try
        {
            (salt, hash) = (Convert.FromBase64String(saltText), Convert.FromBase64String(hashText));
            return salt.Length > 0 && hash.Length is >= 16 and <= 64;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
