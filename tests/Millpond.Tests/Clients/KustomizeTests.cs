namespace Millpond.Tests.Clients;

/// <summary>What the real kustomize builds, brought to the cache in both ways.</summary>
[Trait("Category", "Clients")]
public sealed class KustomizeTests : IDisposable
{
    private const string Resources = """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: web
          annotations:
            note: quay.io/demo/single:1
        spec:
          template:
            spec:
              containers:
              - image: nginx:1.25
                name: web
              - image: quay.io/demo/single:1
                name: side
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
        data:
          image: not an image

        """;

    private readonly ClientProgram kustomize = new("kustomize");

    public KustomizeTests()
    {
        kustomize.AddMillpond();
        File.WriteAllText(kustomize.File("resources.yaml"), Resources);
        File.WriteAllText(kustomize.File("kustomization.yaml"), "namePrefix: my-\nresources: [resources.yaml]\n");
    }

    public void Dispose() => kustomize.Dispose();

    [Fact]
    public async Task A_build_is_rewritten_in_a_pipe()
    {
        var built = (await kustomize.RunAsync("build", ".")).ShouldSucceed().Output;
        using var millpond = new ClientProgram(kustomize.File("bin/millpond"));

        var rewritten = await millpond.RunWithInputAsync(built, "rewrite", "-", "--registry", "cache.example.com", "--tiers", "all");

        Assert.Equal(Rewritten(built, "cache.example.com"), rewritten.ShouldSucceed().Output);
    }

    [Fact]
    public async Task A_build_is_rewritten_by_the_transformer()
    {
        var built = (await kustomize.RunAsync("build", ".")).ShouldSucceed().Output;
        kustomize.AddFolder("deploy/kustomize", ".");
        await File.AppendAllTextAsync(kustomize.File("kustomization.yaml"), "transformers: [rewrite.yaml]\n");

        var rewritten = await kustomize.RunAsync("build", "--enable-alpha-plugins", "--enable-exec", ".");

        Assert.Equal(Rewritten(built, "cache.corp.example"), rewritten.ShouldSucceed().Output);
    }

    private static string Rewritten(string built, string registry)
    {
        var rewritten = built
            .Replace("image: nginx:1.25", $"image: {registry}/docker-hub/library/nginx:1.25", StringComparison.Ordinal)
            .Replace("image: quay.io/", $"image: {registry}/quay/", StringComparison.Ordinal);
        Assert.Equal(2, rewritten.Split(registry).Length - 1);
        return rewritten;
    }
}
