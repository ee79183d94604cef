using Millpond.Images;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>Whose a repository is: a cache by a rule, or this server's own.</summary>
/// <param name="Name">What it is called here.</param>
/// <param name="Cached">The rule and the name at its upstream; null for one of this server's own.</param>
public readonly record struct Place(RepositoryName Name, RuleMatch? Cached)
{
    /// <summary>The rule's prefix, where it is under one.</summary>
    public string? Rule => Cached?.Rule.Prefix;

    /// <summary>What it is called in errors: by an upstream's name where it is the upstream that has it not.</summary>
    public RepositoryName Source => Cached?.UpstreamRepository ?? Name;
}
