using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Operations;

/// <summary>What somebody who has just started the server can try.</summary>
internal static class FirstSteps
{
    /// <summary>Small images that their upstreams have had for long.</summary>
    private static readonly Dictionary<string, string> KnownImages = new(StringComparer.Ordinal)
    {
        ["quay.io"] = "prometheus/busybox:latest",
        ["registry.k8s.io"] = "pause:3.10",
        ["docker.io"] = "library/alpine:latest",
    };

    /// <summary>A reference that can be pulled here.</summary>
    /// <param name="registry">What clients call this server.</param>
    public static string Reference(ServerConfiguration configuration, string registry)
    {
        // Of a rule that allows some repositories only, none is known to be among them.
        var rule = configuration.Rules.FirstOrDefault(rule => rule.Allow.IsEmpty && KnownImages.ContainsKey(rule.UpstreamName) && rule.UpstreamRepositoryPrefix is null);
        return rule is not null
            ? $"{registry}/{Prefix(rule)}{KnownImages[rule.UpstreamName]}"
            : $"{registry}/{(configuration.Rules is [var first, ..] ? Prefix(first) : "PREFIX/")}IMAGE:TAG";
    }

    /// <summary>What stands before the repository in references of a rule.</summary>
    public static string Prefix(PullThroughRule rule) => rule.Prefix == RuleNames.Root ? "" : $"{rule.Prefix}/";

    /// <summary>What clients on this machine call a listener.</summary>
    public static string Registry(ServerConfiguration configuration, Uri listener) => configuration.PublicUrl?.Authority
        ?? (listener.Host is "0.0.0.0" or "[::]" ? $"127.0.0.1:{listener.Port}" : $"{listener.Host}:{listener.Port}");
}
