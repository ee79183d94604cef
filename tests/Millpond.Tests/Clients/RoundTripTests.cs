using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Images that go through several registries and stay what they are.</summary>
[Trait("Category", "Clients")]
public sealed class RoundTripTests
{
    private static readonly RealImage[] Every = [.. RealImages.Images, new(RealImages.Artifact), new(RealImages.Chart, RealImages.ChartVersion)];

    /// <summary>From the CNCF registry here, through a cache of this, into another CNCF registry.</summary>
    [Fact]
    public async Task Every_kind_of_image_keeps_its_digests_there_and_back()
    {
        await using var registry = await OwnRegistry.StartAsync();
        await using var cache = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Millpond.Address)]);
        await using var last = await EmptyRegistry.StartAsync();
        using var oras = new ClientProgram("oras");
        string[] copy = ["cp", "-r", "--no-tty", "--from-plain-http", "--to-plain-http"];
        foreach (var image in Every)
        {
            (await oras.RunAsync([.. copy, registry.From($"{image}"), registry.To($"own/{image}")])).ShouldSucceed();
            (await oras.RunAsync([.. copy, $"{cache.Address.Authority}/up/own/{image}", $"{last.Address.Authority}/{image}"])).ShouldSucceed();
            foreach (var place in (string[])[registry.To($"own/{image}"), $"{cache.Address.Authority}/up/own/{image}", $"{last.Address.Authority}/{image}"])
            {
                var digest = (await oras.RunAsync("resolve", "--plain-http", place)).ShouldSucceed().Output.Trim();
                Assert.Equal(await registry.Source.DigestOfAsync(image), digest);
            }
        }
    }

    [Fact]
    public async Task A_second_millpond_has_what_was_pushed_to_the_first_when_that_is_gone()
    {
        await using var source = await DockerRegistry.StartAsync();
        var first = await MillpondHost.StartAsync([]);
        await using var second = await MillpondHost.StartAsync([MillpondHost.Rule("up", first.Address)]);
        using var crane = new ClientProgram("crane");
        await using var skopeo = new Skopeo();
        List<(RealImage Image, string Digest)> pulled = [];
        try
        {
            foreach (var image in RealImages.Images)
            {
                (await crane.RunAsync("copy", "--insecure", $"{source.Address.Authority}/{image}", $"{first.Address.Authority}/own/{image}")).ShouldSucceed();
                pulled.Add((image, await skopeo.PullAsync(second.Address.Authority, image.Under("up/own"))));
                Assert.Equal(await source.DigestOfAsync(image), pulled[^1].Digest);
            }
        }
        finally
        {
            await first.DisposeAsync();
        }

        await skopeo.RemoveCacheAsync();
        foreach (var (image, digest) in pulled)
        {
            Assert.Equal(digest, await skopeo.PullAsync(second.Address.Authority, image.Under("up/own")));
        }
    }

    /// <summary>A push into what is only cached would be lost at the next pull.</summary>
    [Theory]
    [InlineData("crane")]
    [InlineData("skopeo")]
    [InlineData("oras")]
    public async Task A_push_into_a_cache_is_refused_and_the_client_says_why(string name)
    {
        await using var cache = await CachedRegistry.StartAsync();
        using var client = new ClientProgram(name);
        var (from, to) = ($"{cache.Upstream.Address.Authority}/demo/single:1", $"{cache.Address.Authority}/{CachedRegistry.Prefix}/pushed:1");
        var answer = await (name switch
        {
            "crane" => client.RunAsync("copy", "--insecure", from, to),
            "skopeo" => client.RunAsync("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{from}", $"docker://{to}"),
            _ => client.RunAsync("cp", "--no-tty", "--from-plain-http", "--to-plain-http", from, to),
        });
        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains("denied", answer.Output + answer.Errors, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(CachedRegistry.Prefix, answer.Output + answer.Errors, StringComparison.Ordinal);
    }
}
