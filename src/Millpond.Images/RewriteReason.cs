namespace Millpond.Images;

/// <summary>What came of rewriting or restoring a reference, and why.</summary>
public enum RewriteReason
{
    /// <summary>Now pulled through the cache.</summary>
    Rewritten,

    /// <summary>Named another cache that is being moved; now pulled through this one.</summary>
    Moved,

    /// <summary>Now the upstream's own again.</summary>
    Restored,

    AlreadyInCache,
    PublicEcr,
    EksAddOn,
    PrivateEcr,
    LocalRegistry,
    TierOff,
    NotAllowed,
    FrozenKubernetesRegistry,
    GoogleRegistry,
    NoRule,
    NoName,
    Placeholder,
    InvalidReference,

    /// <summary>Nothing to restore: the reference does not name the cache.</summary>
    NotInCache,
}

/// <summary>The reasons as reports have them.</summary>
public static class RewriteReasons
{
    /// <summary>Whether the reference was changed.</summary>
    public static bool IsChange(this RewriteReason reason) => reason is RewriteReason.Rewritten or RewriteReason.Moved or RewriteReason.Restored;

    /// <summary>A short name that programs may rely on.</summary>
    public static string Code(this RewriteReason reason) => reason switch
    {
        RewriteReason.Rewritten => "rewritten",
        RewriteReason.Moved => "moved",
        RewriteReason.Restored => "restored",
        RewriteReason.AlreadyInCache => "already-in-cache",
        RewriteReason.PublicEcr => "public-ecr-aws-owned",
        RewriteReason.EksAddOn => "eks-managed-ecr",
        RewriteReason.PrivateEcr => "private-ecr",
        RewriteReason.LocalRegistry => "local-registry",
        RewriteReason.TierOff => "tier-off",
        RewriteReason.NotAllowed => "not-allowed",
        RewriteReason.FrozenKubernetesRegistry => "k8s-gcr-io-frozen",
        RewriteReason.GoogleRegistry => "gcr-not-an-upstream",
        RewriteReason.NoRule => "registry-not-listed",
        RewriteReason.NoName => "no-name-in-cache",
        RewriteReason.Placeholder => "placeholder",
        RewriteReason.InvalidReference => "invalid-reference",
        RewriteReason.NotInCache => "not-in-cache",
    };

    /// <summary>One sentence for people, without a full stop.</summary>
    public static string Describe(this RewriteReason reason) => reason switch
    {
        RewriteReason.Rewritten => "pulled through the cache",
        RewriteReason.Moved => "named another cache, now pulled through this one",
        RewriteReason.Restored => "pulled from the upstream itself again",
        RewriteReason.AlreadyInCache => "names the cache already",
        RewriteReason.PublicEcr => "no rule is for public.ecr.aws, which is on AWS already",
        RewriteReason.EksAddOn => "an EKS add-on, which AWS keeps in its own registry",
        RewriteReason.PrivateEcr => "an account's private ECR registry, and its path begins with no rule's prefix",
        RewriteReason.LocalRegistry => "a local or private registry: localhost, an IP address, or a bare host name",
        RewriteReason.TierOff => "a rule is for this registry, but its tier is not enabled",
        RewriteReason.NotAllowed => "a rule is for this registry, but its allow and deny leave this repository out",
        RewriteReason.FrozenKubernetesRegistry => "k8s.gcr.io is frozen; its images are at registry.k8s.io",
        RewriteReason.GoogleRegistry => "no rule is for gcr.io",
        RewriteReason.NoRule => "no rule is for this registry",
        RewriteReason.NoName => "a rule is for this registry, but this repository has no name under it: outside its upstreamRepositoryPrefix, too long, or another rule's",
        RewriteReason.Placeholder => "a placeholder that something fills in later",
        RewriteReason.InvalidReference => "not a valid image reference",
        RewriteReason.NotInCache => "does not name the cache, so there is nothing to restore",
    };
}
