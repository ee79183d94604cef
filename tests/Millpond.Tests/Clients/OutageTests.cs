using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Clients;

/// <summary>What a client has pulled once through Millpond it pulls again, byte for byte, when the registry behind is gone.</summary>
[Trait("Category", "Clients")]
public sealed class OutageTests
{
    public static TheoryData<string> Clients => ["skopeo", "skopeo with a mirror", "crane", "oras", "helm", "ctr with a mirror", "ctr with override_path"];

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_client_pulls_again_what_it_has_pulled_once(string name)
    {
        await using var cache = await CachedRegistry.StartAsync();
        await using var client = await ClientAsync(name, cache);
        // Behind a mirror the client says the upstream's own name, which nothing here resolves.
        var mirrored = name.Contains(" with ", StringComparison.Ordinal);
        var registry = mirrored ? ConnectProxy.HostBehind : cache.Address.Authority;
        var images = client.Images.Select(image => (Asked: mirrored ? image : image.Under(CachedRegistry.Prefix), Upstream: image)).ToImmutableArray();
        var digests = new List<string>();
        foreach (var (asked, upstream) in images)
        {
            digests.Add(await client.PullAsync(registry, asked));
            Assert.Equal(await cache.Upstream.DigestOfAsync(upstream), digests[^1]);
        }

        await cache.Upstream.StopAsync();
        await client.RemoveCacheAsync();

        foreach (var ((asked, _), digest) in images.Zip(digests))
        {
            Assert.Equal(digest, await client.PullAsync(registry, asked));
        }
    }

    [Fact]
    public async Task An_image_that_is_first_asked_for_by_digest_is_pulled_and_kept()
    {
        await using var cache = await CachedRegistry.StartAsync();
        using var crane = new ClientProgram("crane");
        var digest = await cache.Upstream.DigestOfAsync(new RealImage(RealImages.TwoPlatforms));
        var image = $"{cache.Address.Authority}/{CachedRegistry.Prefix}/{RealImages.TwoPlatforms}@{digest}";
        (await crane.RunAsync("pull", "--insecure", "--format=oci", image, "first")).ShouldSucceed();

        await cache.Upstream.StopAsync();

        (await crane.RunAsync("pull", "--insecure", "--format=oci", image, "second")).ShouldSucceed();
        Assert.Contains(digest, await File.ReadAllTextAsync(crane.File("second/index.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_that_is_checked_at_every_pull_is_pulled_in_an_outage_too()
    {
        await using var cache = await CachedRegistry.StartAsync(rule => rule with { RevalidateAfter = TimeSpan.Zero });
        await using var oras = new Oras();
        var image = new RealImage(RealImages.Artifact);
        var digest = await oras.PullAsync(cache.Address.Authority, image.Under(CachedRegistry.Prefix));

        await cache.Upstream.StopAsync();
        await oras.RemoveCacheAsync();

        Assert.Equal(digest, await oras.PullAsync(cache.Address.Authority, image.Under(CachedRegistry.Prefix)));
    }

    [Fact]
    public async Task What_refers_to_an_artifact_is_still_found_through_the_fallback_tag()
    {
        await using var cache = await CachedRegistry.StartAsync();
        await using var oras = new Oras();
        var image = cache.NameOf(new RealImage(RealImages.Artifact));
        Assert.Equal(1, await oras.CountReferrersAsync(image, "application/vnd.example.sbom"));
        Assert.Equal(0, await oras.CountReferrersAsync(image, "application/vnd.example.other"));

        await cache.Upstream.StopAsync();
        await oras.RemoveCacheAsync();

        Assert.Equal(1, await oras.CountReferrersAsync(image, "application/vnd.example.sbom"));
    }

    [Fact]
    public async Task Signatures_are_verified_with_the_registry_gone()
    {
        await using var cache = await CachedRegistry.StartAsync();
        using var cosign = new Cosign();
        var digest = await cache.Upstream.DigestOfAsync(new RealImage(RealImages.TwoPlatforms));
        var image = $"{cache.Address.Authority}/{CachedRegistry.Prefix}/{RealImages.TwoPlatforms}@{digest}";
        (await cosign.VerifyTagAsync(image)).ShouldSucceed();
        (await cosign.VerifyBundleAsync(image)).ShouldSucceed();

        await cache.Upstream.StopAsync();
        cosign.RemoveCache();

        Assert.Contains(digest, (await cosign.VerifyTagAsync(image)).ShouldSucceed().Output, StringComparison.Ordinal);
        Assert.Contains(digest, (await cosign.VerifyBundleAsync(image)).ShouldSucceed().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_platform_that_nobody_has_pulled_is_there_when_indexes_are_completed()
    {
        await using var cache = await CachedRegistry.StartAsync(rule => rule with { CompleteIndexes = IndexCompletion.Everything });
        using var skopeo = new ClientProgram("skopeo");
        var image = cache.NameOf(new RealImage(RealImages.TwoPlatforms));
        (await CopyAsync(skopeo, "amd64", image)).ShouldSucceed();
        await Completion.OfAsync(cache, RealImages.TwoPlatforms);

        await cache.Upstream.StopAsync();

        (await CopyAsync(skopeo, "arm64", image)).ShouldSucceed();
        var configuration = await skopeo.RunAsync("--override-arch", "arm64", "inspect", "--config", "--tls-verify=false", $"docker://{image}");
        Assert.Equal("arm64", (string?)JsonNode.Parse(configuration.ShouldSucceed().Output)!["architecture"]);
    }

    private static Task<ClientAnswer> CopyAsync(ClientProgram skopeo, string architecture, string image) =>
        skopeo.RunAsync("--override-os", "linux", "--override-arch", architecture, "copy", "-q", "--src-tls-verify=false", $"docker://{image}", $"dir:{architecture}");

    private static async Task<ImageClient> ClientAsync(string name, CachedRegistry cache) => name switch
    {
        "skopeo" => new Skopeo(),
        "skopeo with a mirror" => new Skopeo().WithMirror($"{cache.Address.Authority}/{CachedRegistry.Prefix}"),
        "crane" => new Crane(),
        "oras" => new Oras(),
        "helm" => new Helm(),
        "ctr with a mirror" => await ContainerdClient.StartAsync(ConnectProxy.HostBehind, $"{cache.Address}", overridePath: false),
        _ => await ContainerdClient.StartAsync(ConnectProxy.HostBehind, $"{cache.Address}v2/{CachedRegistry.Prefix}", overridePath: true),
    };
}
