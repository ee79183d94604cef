namespace Millpond.Images;

/// <summary>Which repositories of an upstream a rule lets through, by patterns over their names there.</summary>
public sealed class RepositoryFilter(IEnumerable<string> allow, IEnumerable<string> deny)
{
    private readonly RepositoryGlob[] allow = [.. allow.Select(RepositoryGlob.Parse)];
    private readonly RepositoryGlob[] deny = [.. deny.Select(RepositoryGlob.Parse)];

    public IReadOnlyList<RepositoryGlob> Allow => allow;

    public IReadOnlyList<RepositoryGlob> Deny => deny;

    /// <summary>Whether a repository passes. Its name is the upstream's, without the mapping's <see cref="NameMapping.UpstreamRepositoryPrefix"/>.</summary>
    public bool Allows(NameMapping mapping, RepositoryName upstream)
    {
        var name = upstream;
        return (mapping.UpstreamRepositoryPrefix is not { } prefix || upstream.TryRemovePrefix(prefix, out name))
            && (allow.Length == 0 || Array.Exists(allow, glob => glob.Matches(name)))
            && !Array.Exists(deny, glob => glob.Matches(name));
    }
}
