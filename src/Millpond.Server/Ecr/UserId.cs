using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Access;

namespace Millpond.Server.Ecr;

/// <summary>The unique id that AWS gives to principals: here the same for the same name.</summary>
internal static class UserId
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int Letters = 17;

    public static string Of(PrincipalArn arn) => arn.Kind switch
    {
        "root" => arn.Account,
        "assumed-role" => $"AROA{Hash(arn.Role!)}:{arn.Name[(arn.Name.IndexOf('/', StringComparison.Ordinal) + 1)..]}",
        "role" => "AROA" + Hash(arn.Text),
        _ => "AIDA" + Hash(arn.Text),
    };

    private static string Hash(string text) =>
        string.Concat(SHA256.HashData(Encoding.UTF8.GetBytes(text)).Take(Letters).Select(one => Alphabet[one % Alphabet.Length]));
}
