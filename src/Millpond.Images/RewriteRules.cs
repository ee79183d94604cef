using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Millpond.Images;

/// <summary>What a rule names, and whether references are to be pulled by it.</summary>
public sealed record RewriteMapping(RuleNames Names, bool Enabled = true)
{
    /// <summary>What the rule lets through.</summary>
    public RepositoryFilter Filter { get; } = new(Names);

    /// <summary>The tier as users read it.</summary>
    public string Tier => Names.Tier.Text();
}

/// <summary>What rewriting knows beside the rules.</summary>
public sealed record RewriteOptions
{
    /// <summary>Registries that were the cache until now: what names them is moved to the target.</summary>
    public ImmutableArray<RegistryAddress> OldRegistries { get; init; } = [];

    /// <summary>
    /// Whether <c>&lt;account&gt;.dkr.ecr.&lt;region&gt;.amazonaws.com/&lt;prefix&gt;/…</c> counts as ECR's pull-through cache, which is moved to
    /// the target. To be turned off where private repositories in ECR are called like a rule's prefix.
    /// </summary>
    public bool MoveFromEcr { get; init; } = true;

    /// <summary>Whole references that something fills in later (Istio's <c>auto</c>) and that the grammar cannot tell from names.</summary>
    public ImmutableArray<string> Placeholders { get; init; } = [];
}

/// <summary>The outcome for one reference.</summary>
/// <param name="Reference">The new reference; the very string that was given where it is unchanged.</param>
/// <param name="Mapping">The mapping it comes under, where one does.</param>
/// <param name="Fault">What is wrong with an invalid reference.</param>
public readonly record struct RewriteResult(RewriteReason Reason, string Reference, RewriteMapping? Mapping = null, ReferenceFault Fault = ReferenceFault.None)
{
    public bool IsChanged => Reason.IsChange();
}

/// <summary>
/// References as they are pulled through a cache, and back. Pure. What is changed is the name alone: a tag is neither added nor
/// dropped, nor a digest. What no enabled rule covers stays as it is, with the reason; what names the target already also stays,
/// so that rewriting twice is rewriting once.
/// </summary>
public sealed class RewriteRules
{
    private static readonly string[] PlaceholderMarks = ["{{", "}}", "${", "$("];

    private readonly RegistryAddress target;
    private readonly RewriteOptions options;
    private readonly ImmutableArray<RewriteMapping> mappings;
    private readonly FrozenDictionary<string, RewriteMapping> byPrefix;
    private readonly NameMap map;

    /// <param name="target">The cache.</param>
    /// <param name="mappings">All mappings, the enabled and the others: who owns a name does not change with what is enabled.</param>
    /// <param name="options">What is known beside them.</param>
    public RewriteRules(RegistryAddress target, IEnumerable<RewriteMapping> mappings, RewriteOptions? options = null)
    {
        this.target = target;
        this.options = options ?? new RewriteOptions();
        this.mappings = [.. mappings];
        map = new NameMap(this.mappings.Select(mapping => mapping.Names));
        byPrefix = this.mappings.ToFrozenDictionary(mapping => mapping.Names.Prefix, StringComparer.Ordinal);
    }

    /// <summary>The reference as it is pulled through the cache.</summary>
    public RewriteResult Rewrite(string reference)
    {
        if (!ImageReference.TryParse(reference, out var parsed, out var fault))
        {
            return IsTemplate(reference)
                ? new RewriteResult(RewriteReason.Placeholder, reference)
                : new RewriteResult(RewriteReason.InvalidReference, reference, null, fault);
        }

        if (options.Placeholders.Contains(reference))
        {
            return new RewriteResult(RewriteReason.Placeholder, reference);
        }

        if (target.TryGetRepository(parsed, out var local))
        {
            return new RewriteResult(RewriteReason.AlreadyInCache, reference, map.TryToUpstream(local, out var own) ? byPrefix[own.Rule.Prefix] : null);
        }

        if (TryFindMoved(parsed, out var match))
        {
            return Place(RewriteReason.Moved, parsed, match);
        }

        if (!map.Knows(parsed.Host))
        {
            return new RewriteResult(WhyNot(parsed.Host), reference);
        }

        return map.TryToLocal(parsed.Host, parsed.Path, out match)
            ? Place(RewriteReason.Rewritten, parsed, match)
            : new RewriteResult(RewriteReason.NoName, reference);
    }

    /// <summary>The upstream's own reference of one that names the cache (the target, or a registry that was it), in its familiar form.</summary>
    public RewriteResult Restore(string reference)
    {
        if (!ImageReference.TryParse(reference, out var parsed, out var fault))
        {
            return new RewriteResult(RewriteReason.InvalidReference, reference, null, fault);
        }

        if ((!target.TryGetRepository(parsed, out var local) && !TryFindOld(parsed, out local)) || !map.TryToUpstream(local, out var match))
        {
            return new RewriteResult(RewriteReason.NotInCache, reference);
        }

        var (registry, repository) = match.Original;
        var upstream = string.Concat(registry, "/", repository.ToString(), parsed.Suffix);
        return new RewriteResult(RewriteReason.Restored, ImageReference.Parse(upstream).Familiar, byPrefix[match.Rule.Prefix]);
    }

    /// <summary>Whether a mapping is for this registry, enabled or not, or it is the cache itself or one that was it.</summary>
    public bool Knows(string host) =>
        map.Knows(host) || UpstreamHosts.AreSame(host, target.Host) || options.OldRegistries.Any(old => UpstreamHosts.AreSame(host, old.Host));

    /// <summary>
    /// The registry, with the rule's prefix, that stands for an upstream's host where a file keeps it apart from the repository
    /// (<c>quay.io</c> → <c>cache.example.com/quay</c>); null where no enabled rule is for the whole of that registry.
    /// </summary>
    public string? RegistryFor(string upstreamHost)
    {
        foreach (var mapping in mappings)
        {
            if (mapping.Enabled && mapping.Names.Registries.Any(one => one.RepositoryPrefix is null && UpstreamHosts.AreSame(one.Host, upstreamHost)))
            {
                return mapping.Names.IsRoot ? target.ToString() : $"{target}/{mapping.Names.Prefix}";
            }
        }

        return null;
    }

    private static bool IsTemplate(string reference) =>
        Array.Exists(PlaceholderMarks, mark => reference.Contains(mark, StringComparison.Ordinal));

    private static RewriteReason WhyNot(ReadOnlySpan<char> host)
    {
        if (EcrHosts.IsPublic(host))
        {
            return RewriteReason.PublicEcr;
        }

        if (EcrHosts.IsPrivate(host))
        {
            return EcrHosts.IsEksAddOns(host) ? RewriteReason.EksAddOn : RewriteReason.PrivateEcr;
        }

        if (host.Equals("k8s.gcr.io", StringComparison.OrdinalIgnoreCase))
        {
            return RewriteReason.FrozenKubernetesRegistry;
        }

        if (host.Equals("gcr.io", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".gcr.io", StringComparison.OrdinalIgnoreCase))
        {
            return RewriteReason.GoogleRegistry;
        }

        return LocalHosts.IsLocal(host) ? RewriteReason.LocalRegistry : RewriteReason.NoRule;
    }

    private RewriteResult Place(RewriteReason reason, ImageReference reference, NameMatch match)
    {
        var mapping = byPrefix[match.Rule.Prefix];
        if (!mapping.Enabled)
        {
            return new RewriteResult(RewriteReason.TierOff, reference.Text, mapping);
        }

        return mapping.Filter.Allows(match.Upstream)
            ? new RewriteResult(reason, string.Concat(target.ToString(), "/", match.Local.ToString(), reference.Suffix), mapping)
            : new RewriteResult(RewriteReason.NotAllowed, reference.Text, mapping);
    }

    private bool TryFindMoved(ImageReference reference, out NameMatch match)
    {
        match = default;
        if (TryFindOld(reference, out var local))
        {
            return map.TryToUpstream(local, out match);
        }

        // A rule for that very registry says more than the shape of its name.
        return options.MoveFromEcr
            && EcrHosts.IsPrivate(reference.Host)
            && !EcrHosts.IsEksAddOns(reference.Host)
            && !map.Knows(reference.Host)
            && map.TryToUpstream(reference.Path, out match)
            && !match.Rule.IsRoot;
    }

    private bool TryFindOld(ImageReference reference, out RepositoryName local)
    {
        local = default;
        foreach (var old in options.OldRegistries)
        {
            if (old.TryGetRepository(reference, out local))
            {
                return true;
            }
        }

        return false;
    }
}
