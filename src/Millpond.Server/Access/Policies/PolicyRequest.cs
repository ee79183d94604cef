using System.Collections.Immutable;
using System.Net;

namespace Millpond.Server.Access.Policies;

/// <summary>Who wants to do what to what, and what conditions may look at.</summary>
/// <param name="Action">Such as <c>ecr:BatchGetImage</c>.</param>
/// <param name="Resource">Its ARN, or <c>*</c> where the action has none.</param>
/// <param name="ResourceAccount">The account that owns it.</param>
public sealed record PolicyRequest(PrincipalArn Principal, string Action, string Resource, string ResourceAccount)
{
    public IPAddress? SourceIp { get; init; }

    public bool SecureTransport { get; init; }

    public string? Region { get; init; }

    /// <summary>The tags of the resource, for <c>ecr:ResourceTag/…</c>.</summary>
    public IReadOnlyDictionary<string, string> ResourceTags { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The tags that the request would set, for <c>aws:RequestTag/…</c> and <c>aws:TagKeys</c>.</summary>
    public IReadOnlyDictionary<string, string> RequestTags { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Whether the action is granted by identity policies alone, as AWS has it for those without a resource.</summary>
    public bool IsIdentityOnly { get; init; }

    /// <summary>The values of a condition key.</summary>
    /// <returns>Empty where the request has none; null for a key that this server does not know.</returns>
    internal string[]? ValuesOf(string key)
    {
        var name = key.ToLowerInvariant();
        if (TagValue(name, key, "ecr:resourcetag/", ResourceTags) is { } own)
        {
            return own;
        }

        return TagValue(name, key, "aws:resourcetag/", ResourceTags) ?? TagValue(name, key, "aws:requesttag/", RequestTags) ?? name switch
        {
            "aws:sourceip" => One(SourceIp?.ToString()),
            "aws:securetransport" => [SecureTransport ? "true" : "false"],
            "aws:principalarn" => [Principal.Role ?? Principal.Text],
            "aws:principalaccount" => [Principal.Account],
            "aws:username" => One(Principal.UserName),
            "aws:requestedregion" => One(Region),
            "aws:resourceaccount" => [ResourceAccount],
            "aws:tagkeys" => [.. RequestTags.Keys],

            // What services on AWS say of whom they call for: nobody calls for another here.
            "aws:sourcearn" or "aws:sourceaccount" => [],
            _ => null,
        };
    }

    private static string[] One(string? value) => value is null ? [] : [value];

    private static string[]? TagValue(string name, string key, string prefix, IReadOnlyDictionary<string, string> tags) =>
        name.StartsWith(prefix, StringComparison.Ordinal) ? One(tags.GetValueOrDefault(key[prefix.Length..])) : null;
}
