using System.Net;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>A running server with the five preset rules, each over an upstream of its own that stands for the real one.</summary>
internal sealed class TieredCache : IAsyncDisposable
{
    private static readonly (string Prefix, string Host)[] Tiers =
        [("quay", "quay.io"), ("k8s", "registry.k8s.io"), ("docker-hub", "docker.io"), ("ghcr", "ghcr.io"), ("gitlab", "registry.gitlab.com")];

    private readonly Dictionary<string, FakeUpstream> upstreams = [];
    private readonly Dictionary<string, Digest> images = [];
    private MillpondHost millpond = null!;

    public Uri Address => millpond.Address;

    public static async Task<TieredCache> StartAsync()
    {
        var cache = new TieredCache();
        foreach (var (_, host) in Tiers)
        {
            cache.upstreams.Add(host, await FakeUpstream.StartAsync());
        }

        cache.millpond = await MillpondHost.StartAsync(
            [.. Tiers.Select(tier => MillpondHost.Rule(tier.Prefix, cache.upstreams[tier.Host]) with { UpstreamName = tier.Host, Anonymous = true })]);
        return cache;
    }

    /// <summary>
    /// Pulls a rewritten reference, and sees that the server asked the original's own upstream for the original's repository, and no other.
    /// A tag is there and what it names arrives; nothing can be made that has a given digest, so a digest is asked for in vain.
    /// </summary>
    /// <param name="original">In its full form: host, whole path, tag or digest.</param>
    /// <param name="rewritten">As it names the cache.</param>
    public async Task PullAsync(string original, string rewritten)
    {
        var (host, repository, tag, digest) = Parts(original);
        var (_, local, _, _) = Parts(rewritten);
        var expected = digest is null ? Add(host, repository, tag!) : (Digest?)null;

        using var response = await millpond.ManifestAsync(local, digest ?? tag!);

        Assert.True(response.StatusCode == (digest is null ? HttpStatusCode.OK : HttpStatusCode.NotFound), $"{rewritten} was answered {(int)response.StatusCode}");
        if (expected is { } wanted)
        {
            Assert.Equal(wanted, wanted.Rehash(await response.Content.ReadAsByteArrayAsync()));
        }

        var asked = upstreams
            .Where(upstream => upstream.Value.Requests(RequestKind.Manifest).Any(request => request.Repository == repository && request.Reference == (digest ?? tag)))
            .Select(upstream => upstream.Key);
        Assert.True(asked.SequenceEqual([host]), $"{original} as {rewritten} was asked of: {string.Join(", ", asked)}");
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        foreach (var upstream in upstreams.Values)
        {
            await upstream.DisposeAsync();
        }
    }

    private Digest Add(string host, string repository, string tag)
    {
        var name = $"{host}/{repository}:{tag}";
        if (!images.TryGetValue(name, out var digest))
        {
            var image = TestImages.OnePlatform(seed: 7_000 + images.Count, layers: 1);
            upstreams[host].Add(repository, image, tag);
            images.Add(name, digest = image.Digest);
        }

        return digest;
    }

    // By hand: the parser of the product is part of what is tested.
    private static (string Host, string Repository, string? Tag, string? Digest) Parts(string reference)
    {
        var (name, digest) = reference.Split('@') is [var before, var after] ? (before, after) : (reference, null);
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var colon = name.LastIndexOf(':');
        var hasTag = colon > name.LastIndexOf('/');
        return (name[..slash], name[(slash + 1)..(hasTag ? colon : name.Length)], hasTag ? name[(colon + 1)..] : digest is null ? "latest" : null, digest);
    }
}
