namespace Millpond.Server.Catalog.Control;

/// <summary>Someone with permissions.</summary>
/// <param name="Policies">Names of managed policies, and documents by names of their own.</param>
public sealed record PrincipalRow(string Arn, DateTimeOffset CreatedAt, IReadOnlyList<PolicyRow> Policies);

/// <param name="Document">Null for a managed policy.</param>
public sealed record PolicyRow(string Name, string? Document);

/// <param name="Sealed">The secret, which only the server's key opens.</param>
/// <param name="TokenHash">SHA-256 of the session token that must come with it; null for a key without one.</param>
/// <param name="ExpiresAt">Null for a key that stays.</param>
public sealed record AccessKeyRow(string Id, string Principal, byte[] Sealed, byte[]? TokenHash, DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt);
