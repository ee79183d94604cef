using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Millpond.Server.Access.Policies;

namespace Millpond.Server.Access;

/// <summary>A login by name and password.</summary>
/// <param name="Hash">Of the password.</param>
/// <param name="Policies">Names of managed policies.</param>
public sealed partial record Robot(string Name, string Hash, ImmutableArray<string> Policies)
{
    /// <summary>What the user name of a login by token is, and so no robot's.</summary>
    public const string TokenUser = "AWS";

    /// <summary>Changes with the password; reveals nothing of it.</summary>
    public string Version { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Hash)).AsSpan(0, 6));

    public Principal ToPrincipal(string account) => Principal.Robot(account, Name, [.. Policies.Select(ManagedPolicies.Find).OfType<PolicyDocument>()]);

    /// <summary>Reads <c>name:hash:Policy[,Policy]</c>.</summary>
    public static bool TryParse(string line, [NotNullWhen(true)] out Robot? robot, out string why)
    {
        robot = null;
        if (line.Split(':') is not [var name, var hash, var policies])
        {
            why = "it is not name:hash:policy";
            return false;
        }

        string?[] names = [.. policies.Split(',', StringSplitOptions.TrimEntries).Select(ManagedPolicies.NameOf)];
        why = !IsName(name) ? "the name is none: letters, digits, and ._- within, and not AWS"
            : !PasswordHash.IsHash(hash) ? "the hash is none that 'millpond access hash' makes"
            : names.Contains(null) ? $"a policy is none of {string.Join(", ", ManagedPolicies.Names)}"
            : "";
        robot = why.Length == 0 ? new(name, hash, [.. names.OfType<string>()]) : null;
        return robot is not null;
    }

    public static bool IsName(string name) => name != TokenUser && Pattern().IsMatch(name);

    /// <summary>Without the hash, so that no log line can hold it.</summary>
    public override string ToString() => Name;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
