using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The first pulls that the README shows, run as they are written there against a server whose upstreams have these images.</summary>
[Trait("Category", "Clients")]
public sealed class DocumentedPullTests
{
    private static readonly TestImage Image = TestImages.OnePlatform();

    [Fact]
    public async Task The_first_pulls_of_the_README_work_as_written()
    {
        RequireClient.OrSkip("skopeo");
        var crane = RequireClient.OrSkip("crane");
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("prometheus/busybox", Image, "latest");
        upstream.Add("pause", Image, "3.10");
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule("quay", upstream), MillpondHost.Rule("k8s", upstream)]);
        using var shell = new ClientProgram("bash");
        shell.Environment["PATH"] = $"{Path.GetDirectoryName(crane)}:{Environment.GetEnvironmentVariable("PATH")}";

        var script = Assert.Single(CommandBlocks.Of("README.md"), block => block.Contains("docker://127.0.0.1:5000/", StringComparison.Ordinal));
        Assert.Contains("crane manifest", script, StringComparison.Ordinal);
        var answer = await shell.RunAsync("-euc", script.Replace("127.0.0.1:5000", millpond.Address.Authority, StringComparison.Ordinal));

        Assert.Contains(Image.Digest.ToString(), answer.ShouldSucceed().Output, StringComparison.Ordinal);
        Assert.Contains(Image.Layer.Digest.ToString(), answer.Output, StringComparison.Ordinal);
    }
}
