using System.Security.Cryptography;

namespace Millpond.Tests.Clients;

/// <summary>A client that is one program without a daemon.</summary>
internal abstract class PlainClient(string program) : ImageClient
{
    protected ClientProgram Program { get; } = new(program);

    protected static string FolderFor(RealImage image) => image.Repository.Replace('/', '-');

    public override Task RemoveCacheAsync()
    {
        Program.RemoveCache();
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        Program.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal sealed class Skopeo() : PlainClient("skopeo")
{
    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        var answer = await Program.RunAsync(
            "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", $"docker://{registry}/{image}", $"dir:{target}");
        answer.ShouldSucceed();
        return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Program.File($"{target}/manifest.json"))))}";
    }
}

internal sealed class Crane() : PlainClient("crane")
{
    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        (await Program.RunAsync("pull", "--insecure", "--format=oci", $"{registry}/{image}", target)).ShouldSucceed();
        return FirstDigest(await File.ReadAllTextAsync(Program.File($"{target}/index.json")));
    }
}

/// <summary>Copies whole graphs: the index, its children, and what refers to any of them.</summary>
internal sealed class Oras() : PlainClient("oras")
{
    public override IReadOnlyList<RealImage> Images => [.. RealImages.Images, new(RealImages.Artifact)];

    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        var answer = await Program.RunAsync(
            "cp", "-r", "--no-tty", "--from-plain-http", $"{registry}/{image}", "--to-oci-layout", $"{target}:{image.Tag}");
        answer.ShouldSucceed();
        return FirstDigest(answer.Output);
    }

    /// <summary>How many things of that type refer to the image.</summary>
    public async Task<int> CountReferrersAsync(string image, string artifactType)
    {
        var answer = await Program.RunAsync("discover", "--plain-http", "--format=json", $"--artifact-type={artifactType}", image);
        answer.ShouldSucceed();
        return answer.Output.Split($"\"artifactType\": \"{artifactType}\"").Length - 1;
    }
}

internal sealed class Helm() : PlainClient("helm")
{
    public override IReadOnlyList<RealImage> Images => [new(RealImages.Chart, RealImages.ChartVersion)];

    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var answer = await Program.RunAsync("pull", "--plain-http", $"oci://{registry}/{image.Repository}", "--version", image.Tag);
        answer.ShouldSucceed();
        Assert.True(File.Exists(Program.File($"chart-{image.Tag}.tgz")), $"{answer}");
        return FirstDigest(answer.Output + answer.Errors);
    }
}
