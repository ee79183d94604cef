using System.Text.Json;
using Millpond.Cli;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Cli;

/// <summary>The example of a platform's images, by what the program says of it.</summary>
public sealed class SystemImagesTests
{
    private static readonly string Example = Path.Join(SourceTree.Top, "examples/system-images.yaml");

    /// <summary>The groups of the example are Pods, in this order.</summary>
    [Theory]
    [InlineData("all", "rewritten", "rewritten", "rewritten")]
    [InlineData("default", "rewritten", "tier-off", "tier-off")]
    [InlineData("default,ghcr", "rewritten", "tier-off", "rewritten")]
    public async Task Each_group_comes_out_by_its_tier(string tiers, params string[] expected)
    {
        var run = await VerbRun.OfAsync(
            streams => CoverageCommand.Create(streams), "", [Example, "--registry", "cache.example.com", "--tiers", tiers, "--format", "json"],
            TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), (run.ExitCode, run.Messages));
        using var report = JsonDocument.Parse(run.Output);
        var found = report.RootElement.GetProperty("images").EnumerateArray().ToLookup(Group, image => image.GetProperty("reason").GetString());
        for (var group = 0; group < expected.Length; group++)
        {
            Assert.Equal([expected[group]], found[group].Distinct());
        }

        Assert.Equal(["eks-managed-ecr", "gcr-not-an-upstream", "public-ecr-aws-owned"], found[expected.Length].Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>Which document of the file an image stands in.</summary>
    private static int Group(JsonElement image)
    {
        var line = image.GetProperty("places")[0].GetProperty("line").GetInt32();
        return File.ReadLines(Example).Take(line).Count(text => text == "---") - 1;
    }
}
