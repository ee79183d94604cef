namespace Millpond.Images;

/// <summary>Which repositories of an upstream a rule lets through, by patterns over their names there.</summary>
public sealed class RepositoryFilter(RuleNames rule)
{
    private readonly string? repositoryPrefix = rule.UpstreamRepositoryPrefix;
    private readonly RepositoryGlob[] allow = [.. rule.Allow.Select(RepositoryGlob.Parse)];
    private readonly RepositoryGlob[] deny = [.. rule.Deny.Select(RepositoryGlob.Parse)];

    public IReadOnlyList<RepositoryGlob> Allow => allow;

    public IReadOnlyList<RepositoryGlob> Deny => deny;

    /// <summary>Whether a repository passes, by its name at the upstream; the patterns are over what follows the rule's <see cref="RuleNames.UpstreamRepositoryPrefix"/>.</summary>
    public bool Allows(RepositoryName upstream)
    {
        var name = upstream;
        return (repositoryPrefix is null || upstream.TryRemovePrefix(repositoryPrefix, out name))
            && (allow.Length == 0 || Array.Exists(allow, glob => glob.Matches(name)))
            && !Array.Exists(deny, glob => glob.Matches(name));
    }
}
