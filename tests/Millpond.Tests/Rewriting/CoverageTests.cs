using System.Text;
using System.Text.Json;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Rewriting;

/// <summary>The report: each image once, with a reason.</summary>
public sealed class CoverageTests
{
    [Fact]
    public void An_image_is_told_once_with_all_its_places()
    {
        var report = Build(("a.yaml", YamlEditTests.Pod("image: nginx")), ("b.yaml", YamlEditTests.Pod("image: docker.io/library/nginx")));
        var image = Assert.Single(report.Images);
        Assert.Equal(("nginx", "docker.io/library/nginx", true, "opt-in", "docker-hub"), (image.Reference, image.Normalised, image.Covered, image.Tier, image.Rule));
        Assert.Equal("cache.example.com/docker-hub/library/nginx", image.Rewritten);
        Assert.Equal(["a.yaml", "b.yaml"], image.Places.Select(place => place.File));
        Assert.Equal(new CoveragePlace("a.yaml", 6, "container", "spec.containers[0].image"), image.Places[0]);
    }

    [Theory]
    [InlineData("image: quay.io/a/b", "rewritten", true)]
    [InlineData("image: cache.example.com/quay/a/b", "already-in-cache", true)]
    [InlineData("image: public.ecr.aws/a/b", "public-ecr-aws-owned", false)]
    [InlineData("image: 602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns", "eks-managed-ecr", false)]
    [InlineData("image: localhost:5000/a", "local-registry", false)]
    [InlineData("image: Quay.io/A/b", "invalid-reference", false)]
    [InlineData("image: $(IMAGE)", "placeholder", false)]
    [InlineData("args: [--mine=quay.io/a/b:1]", "unknown-place", false)]
    public void Every_image_has_a_reason(string container, string reason, bool covered)
    {
        var image = Assert.Single(Build(("a.yaml", YamlEditTests.Pod(container))).Images);
        Assert.Equal((reason, covered, covered), (image.Reason, image.Covered, image.Rewritten is not null));
        Assert.NotEmpty(image.Why);
    }

    [Fact]
    public void JSON_has_exactly_the_fields_that_programs_read()
    {
        var report = Build(("a.yaml", YamlEditTests.Pod("image: nginx")), ("b.yaml", YamlEditTests.Pod("image: gcr.io/a")));
        using var json = JsonDocument.Parse(CoverageFormats.ToJson(report));
        Assert.Equal(["images", "summary"], json.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.All(json.RootElement.GetProperty("images").EnumerateArray(), image => Assert.Equal(
            ["reference", "normalised", "covered", "tier", "rule", "rewritten", "reason", "cached", "places"],
            image.EnumerateObject().Select(property => property.Name)));
        var summary = json.RootElement.GetProperty("summary");
        Assert.Equal((2, 1, 2), (summary.GetProperty("images").GetInt32(), summary.GetProperty("covered").GetInt32(), summary.GetProperty("places").GetInt32()));
        Assert.Equal(1, summary.GetProperty("tiers").GetProperty("opt-in").GetProperty("covered").GetInt32());
    }

    [Fact]
    public void Markdown_has_a_row_for_each_image()
    {
        var text = CoverageFormats.ToMarkdown(Build(("a.yaml", YamlEditTests.Pod("image: nginx"))));
        Assert.Contains("| `nginx` | yes | opt-in | `cache.example.com/docker-hub/library/nginx` |", text, StringComparison.Ordinal);
        Assert.Contains("| all | 1 | 1 |", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_system_images_come_out_as_their_groups_say()
    {
        var report = Build(("system-images.yaml", File.ReadAllText(Path.Join(SourceTree.Top, "examples/system-images.yaml"))));
        Assert.Equal(61, report.Summary.Images);
        Assert.Equal(["default", "opt-in"], report.Summary.Tiers.Keys);
        Assert.Equal((30, 23), (report.Summary.Tiers["default"].Covered, report.Summary.Tiers["opt-in"].Covered));
        Assert.Equal((6, 17), (report.Images.Count(image => image is { Covered: true, Rule: "docker-hub" }), report.Images.Count(image => image is { Covered: true, Rule: "ghcr" })));
        Assert.Equal(
            ["eks-managed-ecr 4", "gcr-not-an-upstream 1", "public-ecr-aws-owned 3", "rewritten 53"],
            report.Summary.Reasons.Select(reason => $"{reason.Key} {reason.Value}"));
    }

    [Fact]
    public void Every_reference_of_the_corpus_is_in_the_report()
    {
        Corpus.SkipWhereAbsent();
        var builder = new CoverageBuilder();
        foreach (var file in Corpus.Files())
        {
            builder.Add(Corpus.Rewrite(file, Corpus.Read(file)).Report);
        }

        var known = builder.Build().Images.Select(image => (Tagged(image.Normalised ?? image.Reference), image.Covered)).ToHashSet();
        Assert.All(Corpus.Table("EXPECTED.tsv").Where(row => row["kind"] != "kustomize-newName"), row =>
        {
            var isCovered = !row["tier"].StartsWith("not-covered", StringComparison.Ordinal) || row["tier"].EndsWith("already-in-cache", StringComparison.Ordinal);
            Assert.Contains((Tagged(row["normalised"] == "invalid" ? row["reference"] : row["normalised"]), isCovered), known);
        });
    }

    // The table fills in the default tag; a report says what is written.
    private static string Tagged(string reference) => reference.EndsWith(":latest", StringComparison.Ordinal) ? reference[..^7] : reference;

    private static CoverageReport Build(params (string File, string Content)[] files)
    {
        var builder = new CoverageBuilder();
        foreach (var (file, content) in files)
        {
            builder.Add(new FileRewriter(PlaceTables.Default, Corpus.ToCache).Rewrite(file, new MemoryStream(Encoding.UTF8.GetBytes(content)), null));
        }

        return builder.Build();
    }
}
