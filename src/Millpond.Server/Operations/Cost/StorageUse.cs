namespace Millpond.Server.Operations.Cost;

/// <summary>What a rule's prefix takes.</summary>
/// <param name="Prefix">Of the rule; for what was pushed <see cref="Pushed"/>.</param>
/// <param name="Upstream">The registry behind it; null where there is none (any more).</param>
/// <param name="Tier">default, opt-in, by rule; <see cref="Pushed"/>; or <see cref="Former"/> for rules that are gone.</param>
/// <param name="Images">Repositories that hold something.</param>
/// <param name="Versions">Their images: manifests that no stored index names and that are about no other.</param>
/// <param name="Bytes">What is stored for it, each digest counted once.</param>
/// <param name="EcrBytes">What ECR would count: each digest once for each repository.</param>
/// <param name="KeptDays">After how many days what expires goes, in the mean; null where nothing does.</param>
/// <param name="Overdue">What is older than that and still here.</param>
/// <param name="Projected">As <paramref name="Bytes"/>, once as much goes as comes.</param>
/// <param name="EcrProjected">As <paramref name="EcrBytes"/>, once as much goes as comes.</param>
public sealed record PrefixUse(
    string Prefix, string? Upstream, string Tier, long Images, long Versions, long Bytes, long EcrBytes, double? KeptDays, long Overdue, long Projected, long EcrProjected)
{
    public const string Pushed = "pushed";
    public const string Former = "former";
}

/// <summary>What is stored, of one moment.</summary>
/// <param name="Prefixes">By prefix, what was pushed last.</param>
/// <param name="Bytes">What belongs to any repository, each digest counted once: less than the prefixes together where they share layers.</param>
/// <param name="Projected">The same, once as much goes as comes.</param>
/// <param name="Loose">Stored bytes that belong to no repository, and lists of tags and referrers.</param>
/// <param name="Secrets">Secrets, here and as ECR would want them.</param>
/// <param name="Took">How long it took to add up.</param>
public sealed record StorageUse(
    IReadOnlyList<PrefixUse> Prefixes, long Bytes, long Projected, long Loose, SecretUse Secrets, DateTimeOffset At, TimeSpan Took)
{
    public long Images => Prefixes.Sum(static prefix => prefix.Images);

    public long Versions => Prefixes.Sum(static prefix => prefix.Versions);

    public long EcrBytes => Prefixes.Sum(static prefix => prefix.EcrBytes);

    public long EcrProjected => Prefixes.Sum(static prefix => prefix.EcrProjected);
}
