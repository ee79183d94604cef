using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;

namespace Millpond.Tests.Images;

public sealed class RewriteRulesTests
{
    private const string Digest = "@sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    internal static readonly RewriteMapping[] Presets =
    [
        new(new("quay", "quay.io") { Tier = Tier.Default }),
        new(new("k8s", "registry.k8s.io") { Tier = Tier.Default }),
        new(new("docker-hub", "docker.io") { Tier = Tier.OptIn }),
        new(new("ghcr", "ghcr.io") { Tier = Tier.OptIn }),
        new(new("gitlab", "registry.gitlab.com") { Tier = Tier.OptIn }),
    ];

    private static readonly RewriteMapping[] Mappings =
    [
        .. Presets,
        new(new("harbor", "harbor.corp.example:8443", "team-a")),
        new(new("quay/inner", "inner.example")),
        new(new("off", "off.example"), Enabled: false),
    ];

    private readonly RewriteRules rules = new(RegistryAddress.Parse("cache.example.com"), Mappings);

    [Theory]
    [InlineData("nginx", "cache.example.com/docker-hub/library/nginx")]
    [InlineData("docker.io/bash", "cache.example.com/docker-hub/library/bash")]
    [InlineData("index.docker.io/library/bash:5", "cache.example.com/docker-hub/library/bash:5")]
    [InlineData("registry-1.docker.io/grafana/loki", "cache.example.com/docker-hub/grafana/loki")]
    [InlineData("library/foo/bar", "cache.example.com/docker-hub/library/foo/bar")]
    [InlineData("quay.io/a/b/c/d:v1" + Digest, "cache.example.com/quay/a/b/c/d:v1" + Digest)]
    [InlineData("Quay.IO/a/b" + Digest, "cache.example.com/quay/a/b" + Digest)]
    [InlineData("registry.k8s.io/pause:3.10", "cache.example.com/k8s/pause:3.10")]
    [InlineData("harbor.corp.example:8443/team-a/app:1", "cache.example.com/harbor/app:1")]
    [InlineData("docker.io/docker.io/weird:1", "cache.example.com/docker-hub/docker.io/weird:1")]
    public void A_covered_reference_is_rewritten_in_its_name_alone(string reference, string wanted)
    {
        var result = rules.Rewrite(reference);
        Assert.Equal(RewriteReason.Rewritten, result.Reason);
        Assert.Equal(wanted, result.Reference);
        Assert.NotNull(result.Mapping);
    }

    [Theory]
    [InlineData("cache.example.com/quay/a/b:1", RewriteReason.AlreadyInCache)]
    [InlineData("Cache.Example.com/anything", RewriteReason.AlreadyInCache)]
    [InlineData("public.ecr.aws/karpenter/controller:1", RewriteReason.PublicEcr)]
    [InlineData("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1", RewriteReason.EksAddOn)]
    [InlineData("961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/quay/x", RewriteReason.EksAddOn)]
    [InlineData("602401143452.dkr-ecr.eu-west-1.on.aws/eks/coredns:v1", RewriteReason.EksAddOn)]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/team/app", RewriteReason.PrivateEcr)]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay2/app", RewriteReason.PrivateEcr)]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com.evil.example/quay/app", RewriteReason.NoRule)]
    [InlineData("localhost/app", RewriteReason.LocalRegistry)]
    [InlineData("localhost:5000/quay/app", RewriteReason.LocalRegistry)]
    [InlineData("myregistry:5000/app", RewriteReason.LocalRegistry)]
    [InlineData("10.0.0.1:30081/app", RewriteReason.LocalRegistry)]
    [InlineData("[fd00::1]:5000/x/y:1", RewriteReason.LocalRegistry)]
    [InlineData("registry.kube-system.svc.cluster.local:5000/x", RewriteReason.LocalRegistry)]
    [InlineData("off.example/x", RewriteReason.TierOff)]
    [InlineData("k8s.gcr.io/pause", RewriteReason.FrozenKubernetesRegistry)]
    [InlineData("eu.gcr.io/x/y", RewriteReason.GoogleRegistry)]
    [InlineData("quay.io:443/a/b", RewriteReason.NoRule)]
    [InlineData("quay.io.example/a/b", RewriteReason.NoRule)]
    [InlineData("harbor.corp.example:8443/team-ab/app", RewriteReason.NoName)]
    [InlineData("quay.io/inner/x", RewriteReason.NoName)]
    [InlineData("{{ .Values.image }}", RewriteReason.Placeholder)]
    [InlineData("quay.io/a/b:${TAG}", RewriteReason.Placeholder)]
    [InlineData("quay.io/Team/Uppercase:v1", RewriteReason.InvalidReference)]
    [InlineData("", RewriteReason.InvalidReference)]
    public void What_is_not_covered_stays_the_same_string_with_a_reason(string reference, RewriteReason reason)
    {
        var result = rules.Rewrite(reference);
        Assert.Equal(reason, result.Reason);
        Assert.Same(reference, result.Reference);
        Assert.False(result.IsChanged);
    }

    [Fact]
    public void An_invalid_reference_says_what_is_wrong() =>
        Assert.Equal(ReferenceFault.UpperCaseName, rules.Rewrite("quay.io/Team/Uppercase:v1").Fault);

    [Theory]
    [InlineData("cache.example.com/docker-hub/library/nginx:1", "nginx:1")]
    [InlineData("cache.example.com/docker-hub/nginx:1", "nginx:1")]
    [InlineData("cache.example.com/docker-hub/grafana/loki" + Digest, "grafana/loki" + Digest)]
    [InlineData("cache.example.com/docker-hub/docker.io/weird:1", "docker.io/docker.io/weird:1")]
    [InlineData("cache.example.com/quay/a/b:1" + Digest, "quay.io/a/b:1" + Digest)]
    [InlineData("cache.example.com/harbor/app", "harbor.corp.example:8443/team-a/app")]
    [InlineData("cache.example.com/off/x", "off.example/x")]
    public void Restoring_gives_the_familiar_upstream_form(string reference, string wanted)
    {
        var result = rules.Restore(reference);
        Assert.Equal(RewriteReason.Restored, result.Reason);
        Assert.Equal(wanted, result.Reference);
    }

    [Theory]
    [InlineData("quay.io/a/b", RewriteReason.NotInCache)]
    [InlineData("cache.example.com/unknown/b", RewriteReason.NotInCache)]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/x", RewriteReason.NotInCache)]
    [InlineData("Not A Reference", RewriteReason.InvalidReference)]
    public void What_does_not_name_the_cache_is_not_restored(string reference, RewriteReason reason)
    {
        var result = rules.Restore(reference);
        Assert.Equal(reason, result.Reason);
        Assert.Same(reference, result.Reference);
    }

    [Theory]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/a/b:1", "cache.example.com/quay/a/b:1")]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/nginx", "cache.example.com/docker-hub/library/nginx")]
    [InlineData("222233334444.dkr-ecr-fips.us-gov-west-1.on.aws/ghcr/a/b" + Digest, "cache.example.com/ghcr/a/b" + Digest)]
    public void What_names_the_cache_of_ECR_is_moved(string reference, string wanted)
    {
        var result = rules.Rewrite(reference);
        Assert.Equal(RewriteReason.Moved, result.Reason);
        Assert.Equal(wanted, result.Reference);

        var off = new RewriteRules(RegistryAddress.Parse("cache.example.com"), Mappings, new RewriteOptions { MoveFromEcr = false });
        Assert.Equal(RewriteReason.PrivateEcr, off.Rewrite(reference).Reason);
    }

    [Fact]
    public void A_cluster_moves_from_another_cache_to_ECR_and_restores_from_both()
    {
        var back = new RewriteRules(
            RegistryAddress.Parse("222233334444.dkr.ecr.eu-west-1.amazonaws.com"),
            Mappings,
            new RewriteOptions { OldRegistries = [RegistryAddress.Parse("cache.example.com/mill")] });
        Assert.Equal("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/a/b:1", back.Rewrite("cache.example.com/mill/quay/a/b:1").Reference);
        Assert.Equal(RewriteReason.NoRule, back.Rewrite("cache.example.com/other/quay/a/b:1").Reason);
        Assert.Equal(RewriteReason.TierOff, back.Rewrite("cache.example.com/mill/off/b:1").Reason);
        Assert.Equal(RewriteReason.AlreadyInCache, back.Rewrite("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/a/b:1").Reason);
        Assert.Equal("quay.io/a/b:1", back.Restore("cache.example.com/mill/quay/a/b:1").Reference);
        Assert.Equal("quay.io/a/b:1", back.Restore("222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/a/b:1").Reference);
    }

    [Fact]
    public void A_target_with_a_path_is_recognised_by_both_parts()
    {
        var under = new RewriteRules(RegistryAddress.Parse("harbor.example:8443/mill/cache/"), Presets);
        Assert.Equal("harbor.example:8443/mill/cache/docker-hub/library/nginx:1", under.Rewrite("nginx:1").Reference);
        Assert.Equal(RewriteReason.AlreadyInCache, under.Rewrite("harbor.example:8443/mill/cache/quay/x").Reason);
        Assert.Equal(RewriteReason.NoRule, under.Rewrite("harbor.example:8443/mill/cache2/quay/x").Reason);
        Assert.Equal("nginx:1", under.Restore("harbor.example:8443/mill/cache/docker-hub/library/nginx:1").Reference);
    }

    [Theory]
    [InlineData("cache")]
    [InlineData("https://cache.example.com")]
    [InlineData("cache.example.com/Upper")]
    [InlineData("cache.example.com:http")]
    [InlineData("cache.example.com/x:1")]
    [InlineData("")]
    public void A_target_that_references_could_not_begin_with_is_refused(string registry) =>
        Assert.Throws<FormatException>(() => RegistryAddress.Parse(registry));

    [Fact]
    public void A_registry_that_a_file_keeps_apart_has_the_prefix()
    {
        Assert.Equal("cache.example.com/quay", rules.RegistryFor("Quay.io"));
        Assert.Equal("cache.example.com/docker-hub", rules.RegistryFor("index.docker.io"));
        Assert.Null(rules.RegistryFor("off.example"));
        Assert.Null(rules.RegistryFor("harbor.corp.example:8443"));
    }

    [Fact]
    public void Placeholders_of_the_users_are_left_alone()
    {
        var istio = new RewriteRules(RegistryAddress.Parse("cache.example.com"), Presets, new RewriteOptions { Placeholders = ["auto"] });
        Assert.Equal(RewriteReason.Placeholder, istio.Rewrite("auto").Reason);
        Assert.Equal(RewriteReason.Rewritten, istio.Rewrite("auto:1").Reason);
        Assert.Equal(RewriteReason.Rewritten, rules.Rewrite("auto").Reason);
    }

    [Fact]
    public void Every_reason_has_its_own_code_and_text()
    {
        var all = Enum.GetValues<RewriteReason>();
        Assert.Equal(all.Length, all.Select(reason => reason.Code()).Distinct().Count());
        Assert.Equal(all.Length, all.Select(reason => reason.Describe()).Distinct().Count());
    }

    [Fact]
    public void Rewriting_twice_is_rewriting_once() =>
        Prop.ForAll(ReferenceGenerators.Reference.Arb(), parts =>
        {
            var once = rules.Rewrite(parts.ToString());
            var twice = rules.Rewrite(once.Reference);
            return !twice.IsChanged && ReferenceEquals(twice.Reference, once.Reference);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Restoring_what_was_rewritten_means_the_same_with_the_same_tag_and_digest() =>
        Prop.ForAll(ReferenceGenerators.Reference.Arb(), parts =>
        {
            var rewritten = rules.Rewrite(parts.ToString());
            if (rewritten.Reason != RewriteReason.Rewritten)
            {
                return ReferenceEquals(rewritten.Reference, rules.Rewrite(rewritten.Reference).Reference);
            }

            var before = ImageReference.Parse(parts.ToString());
            var within = ImageReference.Parse(rewritten.Reference);
            var restored = ImageReference.Parse(rules.Restore(rewritten.Reference).Reference);
            return before.MeansSameAs(restored) && within.Suffix.SequenceEqual(before.Suffix) && restored.Suffix.SequenceEqual(before.Suffix);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("registry.redhat.io/a/b:1", 400)]
    [InlineData("222233334444.dkr.ecr.eu-west-1.amazonaws.com/team/app:1", 800)]
    [InlineData("nginx:1.27", 1200)]
    public void A_reference_costs_little_memory(string reference, long bytes)
    {
        // Optimised, what stays costs none; code that is not yet optimised boxes some vectors, hence the bounds.
        rules.Rewrite(reference);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rules.Rewrite(reference);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, bytes);
    }

    [Theory]
    [InlineData("h.example/team/app", true)]
    [InlineData("h.example/team/secret-app", false)]
    [InlineData("h.example/team/other/app", false)]
    public void What_a_rule_does_not_let_through_stays(string reference, bool passes)
    {
        var rules = new RewriteRules(RegistryAddress.Parse("cache.example.com"),
        [
            new(new("harbor", "h.example", "team") { Allow = ["*"], Deny = ["secret-*"] }),
        ]);
        Assert.Equal(passes ? RewriteReason.Rewritten : RewriteReason.NotAllowed, rules.Rewrite(reference).Reason);
    }
}
