using Millpond.Cli;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>What rewrite and restore say they did.</summary>
public sealed class RunSummaryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Four_of_six_that_stay_are_told_with_their_reasons()
    {
        folder.Write("a.yaml", YamlEditTests.Pod("image: quay.io/a/b") + "  - image: nginx\n  - image: bash\n  - image: gcr.io/a/b\n");
        folder.Write("b.yaml", YamlEditTests.Pod("image: registry.k8s.io/pause:3.9") + "  - image: cache.example.com/quay/a/b\n");
        folder.Write("c.yaml", "a: b\n");
        const string LeftAlone = """
              2 left alone: a rule is for this registry, but its tier is not enabled (tier-off)
              1 left alone: names the cache already (already-in-cache)
              1 left alone: no rule is for gcr.io (gcr-not-an-upstream)

            """;
        const string Hint = "  --explain names each of them, -q says nothing of this\n";
        Assert.Equal(
            $"millpond: 2 of 6 image references to be rewritten, in 2 of 3 files\n{LeftAlone}{Hint}", (await RunAsync("rewrite", "--check", folder.Path)).Messages);
        var explained = (await RunAsync("rewrite", "--check", "--explain", folder.Path)).Messages;
        Assert.Contains(": nginx: tier-off: ", explained, StringComparison.Ordinal);
        Assert.EndsWith(LeftAlone, explained, StringComparison.Ordinal);
        Assert.Equal(new VerbRun(1, "", ""), await RunAsync("rewrite", "--check", "-q", folder.Path));

        string[] record = ["--record", folder.File("record.jsn")];
        Assert.StartsWith("millpond: 2 of 6 image references rewritten, in 2 of 3 files\n", (await RunAsync("rewrite", ["-i", folder.Path, .. record])).Messages, StringComparison.Ordinal);
        Assert.Equal("millpond: 2 of 2 image references restored, in 2 of 2 files\n", (await RunAsync("restore", ["-i", "--under", folder.Path, .. record])).Messages);
        Assert.Equal("millpond: no image reference in 2 files\n", (await RunAsync("restore", ["-i", "--under", folder.Path, .. record])).Messages);
    }

    private static Task<VerbRun> RunAsync(string verb, params string[] arguments) => VerbRun.OfAsync(
        verb == "rewrite" ? RewriteCommand.Create : RestoreCommand.Create, "", [.. arguments, "--registry", "cache.example.com"], TestContext.Current.CancellationToken);
}
