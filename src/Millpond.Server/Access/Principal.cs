using System.Collections.Immutable;
using Millpond.Server.Access.Policies;

namespace Millpond.Server.Access;

/// <summary>Someone who may do something: a name and what hangs on it.</summary>
public sealed record Principal(PrincipalArn Arn, ImmutableArray<PolicyDocument> Policies)
{
    /// <summary>May do everything in its own account.</summary>
    public static Principal Root(string account) => new(PrincipalArn.RootOf(account), [ManagedPolicies.Everything]);

    /// <summary>A robot with a password: a user of the registry's account.</summary>
    public static Principal Robot(string account, string name, ImmutableArray<PolicyDocument> policies) =>
        new(PrincipalArn.Parse($"arn:aws:iam::{account}:user/robots/{name}"), policies);

    public override string ToString() => Arn.Text;
}

/// <summary>An access key that exists, and whose it is. The secret is sealed still.</summary>
public sealed record KnownKey(string Id, Principal Principal, byte[] Sealed, byte[]? TokenHash, DateTimeOffset? ExpiresAt);

/// <summary>An access key as it is told once, when it is made.</summary>
/// <param name="SessionToken">Must be sent along, where there is one.</param>
public sealed record NewKey(string Arn, string AccessKeyId, string SecretAccessKey, string? SessionToken, DateTimeOffset? ExpiresAt)
{
    /// <summary>Without the secret, so that no log line can hold it.</summary>
    public override string ToString() => $"{AccessKeyId} of {Arn}";
}
