using System.Collections.Immutable;
using Millpond.Images;

namespace Millpond.Server.Configuration;

/// <summary>Reviews of pods (<c>POST /admit</c>): where they are asked for, and what is rewritten to what.</summary>
public sealed record AdmissionConfiguration
{
    /// <summary>The namespaces left alone unless others are named.</summary>
    public static ImmutableArray<string> UsuallyExcluded { get; } = ["kube-system"];

    /// <summary>What the server is called where its own manifests install it.</summary>
    public static ImmutableArray<string> UsualHosts { get; } = ["millpond.millpond.svc"];

    /// <summary>Listeners by https that answer reviews and nothing else; empty = reviews are off.</summary>
    public ImmutableArray<Uri> Listen { get; init; } = [];

    /// <summary>What references are rewritten to; never null where reviews are on.</summary>
    public RegistryAddress? Registry { get; init; }

    /// <summary>The listeners' certificate; null = one that the server makes itself.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>PEM file with the authority under which API servers must have a certificate; null = whoever reaches a listener may ask.</summary>
    public string? ClientAuthority { get; init; }

    /// <summary>Names and addresses in a certificate that the server makes itself.</summary>
    public ImmutableArray<string> Hosts { get; init; } = UsualHosts;

    /// <summary>Which rules count: <c>default</c>, <c>opt-in</c>, <c>all</c>, or prefixes.</summary>
    public ImmutableArray<string> Tiers { get; init; } = [TierNames.All];

    /// <summary>Namespaces whose pods are never changed.</summary>
    public ImmutableArray<string> ExcludedNamespaces { get; init; } = UsuallyExcluded;

    /// <summary>The server's own images, without tag: it cannot be pulled through itself.</summary>
    public ImmutableArray<string> OwnImages { get; init; } = [];

    /// <summary>Registries that were the cache until now; what names them is moved.</summary>
    public ImmutableArray<RegistryAddress> OldRegistries { get; init; } = [];

    public bool IsOn => !Listen.IsEmpty;
}
