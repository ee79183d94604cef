using Millpond.Images;
using Millpond.Rewriting.Coverage;
using Millpond.Server.Configuration;

namespace Millpond.Cli;

/// <summary>What would cover an image that is not: the flag or the key, by the reason of the report.</summary>
internal static class Remedy
{
    private const string Render = "rewrite what is rendered: helm template … | millpond rewrite -";

    public static string Of(ImageCoverage image) => image.Reason switch
    {
        "tier-off" => OfTier(image.Rule),
        "not-allowed" => $"'allow' (or less in 'deny') of the rule {image.Rule}",
        "no-name-in-cache" => $"another 'upstreamRepositoryPrefix', or a rule of its own for {Host(image)}",
        "registry-not-listed" or "gcr-not-an-upstream" => OfRule(image),
        "k8s-gcr-io-frozen" => "name registry.k8s.io instead: the same images are there",
        "unknown-place" => "--places FILE, with the argument or variable in it",
        "oci-artifact" => "--everywhere, where the tool pulls it by OCI from a registry of one's own",
        "list-of-a-package" => "nothing here: the package's own tool moves what it lists",
        "lock-file" => "change what it locks, and lock again",
        "not-readable" => "mend the document; until then: --everywhere",
        "policy" or "tag-scan" or "description" or "copy" or "built-here" => "nothing: it is named, not pulled",
        "completed-prefix" => "name the second repository too (kubeadm: dns.imageRepository), then both are changed",
        "inside-a-string" => "rewrite what reads it; in this file it stays",
        "placeholder" or "unknown-registry" or "fixed-registry" or "composed-host" or "shared-key" or "not-editable" => Render,
        "invalid-reference" => "correct the reference",
        "local-registry" => "nothing: it is near already",
        "private-ecr" or "eks-managed-ecr" or "public-ecr-aws-owned" => $"nothing is to be gained on AWS; elsewhere {OfRule(image)}",
        _ => "-",
    };

    private static string OfTier(string? prefix) => Preset.All.FirstOrDefault(preset => preset.Prefix == prefix) is { Tier: Tier.OptIn } preset
        ? $"--tiers default,{prefix} (or all), once the server has the rule {prefix} with {preset.Credential}"
        : $"--tiers {prefix} (or all)";

    private static string OfRule(ImageCoverage image)
    {
        var host = Host(image);
        var label = host.Split('.', ':')[0];
        return $"a rule, as serve --upstream {label}={host} or in 'rules' of the configuration; then --config or --server here";
    }

    private static string Host(ImageCoverage image) =>
        image.Normalised is { } normalised && normalised.Split('/') is [var host, ..] ? host : "its registry";
}
