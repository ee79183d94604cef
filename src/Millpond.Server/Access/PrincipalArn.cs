using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Millpond.Server.Access;

/// <summary>The name of a principal: an account's root, a user, a role, or a session of a role.</summary>
/// <param name="Text">The whole ARN.</param>
/// <param name="Account">Twelve digits.</param>
/// <param name="Kind"><c>root</c>, <c>user</c>, <c>role</c> or <c>assumed-role</c>.</param>
/// <param name="Name">What follows the kind, with its path; empty for a root.</param>
public sealed partial record PrincipalArn(string Text, string Account, string Kind, string Name)
{
    private const int Longest = 512;

    private const string RootKind = "root";

    private const string SessionKind = "assumed-role";

    public bool IsRoot => Kind == RootKind;

    /// <summary>The root of the principal's account, as policies name the whole account.</summary>
    public string AccountRoot => $"{Partition}:iam::{Account}:root";

    /// <summary>The role of a session, by which policies name it too; null for others.</summary>
    public string? Role => Kind == SessionKind ? $"{Partition}:iam::{Account}:role/{Name[..Name.IndexOf('/', StringComparison.Ordinal)]}" : null;

    /// <summary>What <c>aws:username</c> is for a user; null for others.</summary>
    public string? UserName => Kind == "user" ? Name[(Name.LastIndexOf('/') + 1)..] : null;

    private string Partition => Text[..Text.IndexOf(':', "arn:".Length)];

    public static PrincipalArn RootOf(string account) => new($"arn:aws:iam::{account}:root", account, RootKind, "");

    public static bool TryParse(string? text, [NotNullWhen(true)] out PrincipalArn? arn)
    {
        arn = null;
        if (text is null || text.Length > Longest || Pattern().Match(text) is not { Success: true } match)
        {
            return false;
        }

        var kind = match.Groups["kind"].Value;
        var isSession = match.Groups["service"].Value == "sts";
        if (isSession != (kind == SessionKind) || (isSession && match.Groups["name"].Value.Count(c => c == '/') != 1))
        {
            return false;
        }

        arn = new(text, match.Groups["account"].Value, kind.Length == 0 ? RootKind : kind, match.Groups["name"].Value);
        return true;
    }

    public static PrincipalArn Parse(string text) => TryParse(text, out var arn) ? arn : throw new FormatException("That is no principal's ARN.");

    public override string ToString() => Text;

    [GeneratedRegex(@"\Aarn:aws(?:-[a-z]+)*:(?<service>iam|sts)::(?<account>[0-9]{12}):(?:root|(?<kind>user|role|assumed-role)/(?<name>[A-Za-z0-9_+=,.@-]+(?:/[A-Za-z0-9_+=,.@-]+)*))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
