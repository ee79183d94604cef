using System.Globalization;
using System.Text.RegularExpressions;
using Millpond.Tests.Architecture;
using Millpond.Tests.Clients;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>The suite of the OCI project itself, which lies beside the repository and is not part of it.</summary>
public sealed partial class OfficialSuiteTests
{
    private const string Repository = "conformance/repo1";

    private static readonly string Program = Path.GetFullPath(Path.Join(SourceTree.Top, "../shared/tools/oci-conformance"));

    [Fact]
    public async Task A_registry_passes_the_official_suite()
    {
        SkipWhereAbsent();
        await using var millpond = await MillpondHost.StartAsync([]);
        var counts = await RunAsync(millpond.Address, "push", new()
        {
            ["OCI_REPO1"] = Repository,
            ["OCI_REPO2"] = "conformance/repo2",
        });
        Assert.InRange(counts["Pass"], 700, int.MaxValue);
    }

    [Fact]
    public async Task A_cache_passes_the_official_suite_for_reading()
    {
        SkipWhereAbsent();
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(upstream);
        foreach (var shape in DataShapes.All.Append(DataShapes.Sparse))
        {
            shape.AddTo(upstream, Repository);
        }

        var manifests = DataShapes.All.SelectMany(shape => shape.Manifests).ToList();
        var counts = await RunAsync(millpond.Address, "cache", new()
        {
            ["OCI_REPO1"] = $"up/{Repository}",
            ["OCI_REPO2"] = "up/conformance/repo2",
            ["OCI_API_PUSH"] = "false",
            ["OCI_API_BLOBS_DELETE"] = "false",
            ["OCI_API_MANIFESTS_DELETE"] = "false",
            ["OCI_API_TAGS_DELETE"] = "false",

            // Where it has not pushed a manifest itself, the suite demands the header of a HEAD's answer that it has not kept.
            ["OCI_API_MANIFESTS_DIGEST_HEADER"] = "false",
            ["OCI_RO_DATA_TAGS"] = string.Join(' ', DataShapes.All.SelectMany(shape => shape.Tags).Distinct()),
            ["OCI_RO_DATA_MANIFESTS"] = string.Join(' ', manifests.Select(manifest => manifest.Digest).Distinct()),
            ["OCI_RO_DATA_BLOBS"] = string.Join(' ', DataShapes.All.SelectMany(shape => shape.Blobs).Select(blob => blob.Digest).Distinct()),
            ["OCI_RO_DATA_REFERRERS"] = string.Join(' ', DataShapes.All.SelectMany(shape => shape.Referrers).Select(group => group.Key).Distinct()),
        });
        Assert.InRange(counts["Pass"], 160, int.MaxValue);
    }

    private static void SkipWhereAbsent() => Assert.SkipUnless(File.Exists(Program), "The OCI project's suite is not beside the repository (../shared/tools/oci-conformance).");

    /// <summary>How many checks ended how, by the suite's own words; none of them may have failed.</summary>
    private static async Task<Dictionary<string, int>> RunAsync(Uri registry, string form, Dictionary<string, string> environment)
    {
        using var suite = new ClientProgram(Program) { Limit = TimeSpan.FromMinutes(4) };
        environment["OCI_REGISTRY"] = registry.Authority;
        environment["OCI_TLS"] = "disabled";
        environment["OCI_VERSION"] = "1.1";
        environment["OCI_RESULTS_DIR"] = suite.File("results");
        environment["OCI_API_BLOBS_UPLOAD_CANCEL"] = "true";
        environment["OCI_API_BLOBS_DIGEST_HEADER"] = "true";
        environment.TryAdd("OCI_API_MANIFESTS_DIGEST_HEADER", "true");
        foreach (var (name, value) in environment)
        {
            suite.Environment[name] = value;
        }

        var answer = await suite.RunAsync();
        var summary = answer.Output[Math.Max(0, answer.Output.IndexOf("OCI Conformance Result", StringComparison.Ordinal))..];
        var counts = CountLine().Matches(summary).ToDictionary(match => match.Groups[1].Value, match => int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
        var folder = Directory.CreateDirectory(Path.Join(SourceTree.Top, "artifacts/test-results"));
        await File.WriteAllTextAsync(Path.Join(folder.FullName, $"official-conformance-{form}.txt"), answer.Output);
        TestContext.Current.TestOutputHelper?.WriteLine(summary);
        Assert.True(counts.ContainsKey("Total"), $"{answer}");
        Assert.Empty(Failures(answer.Output));
        Assert.Equal((0, 0), (counts["FAIL"], counts["Error"]));
        return counts;
    }

    /// <summary>What it says of what failed, each with its reason. Its reports are no help: it does not live to write them where it may not push.</summary>
    private static IEnumerable<string> Failures(string output)
    {
        var lines = output[..Math.Max(0, output.IndexOf("\nConfiguration:", StringComparison.Ordinal))].Split('\n');
        return lines.Zip(lines.Skip(1).Append("")).Where(pair => pair.First.EndsWith(": FAIL", StringComparison.Ordinal)).Select(pair => $"{pair.First}\n{pair.Second}");
    }

    [GeneratedRegex(@"^ +(Disabled|Skip|Pass|FAIL|Error|Total)\.*: +([0-9]+)\r?$", RegexOptions.Multiline)]
    private static partial Regex CountLine();
}
