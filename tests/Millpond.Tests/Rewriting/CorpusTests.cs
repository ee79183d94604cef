using System.Text;
using Millpond.Rewriting.Places;

namespace Millpond.Tests.Rewriting;

/// <summary>The corpus and what its tables expect: every row, and not one byte beside.</summary>
public sealed class CorpusTests
{
    private const string ComposedHost = "account+region+domain";

    [Fact]
    public void Every_expected_reference_is_found_and_becomes_what_is_expected()
    {
        Corpus.SkipWhereAbsent();
        var wrong = new List<string>();
        foreach (var rows in Corpus.Table("EXPECTED.tsv").GroupBy(row => row["file"]))
        {
            var (report, _) = Corpus.Rewrite(rows.Key, Corpus.Read(rows.Key));
            foreach (var row in rows)
            {
                var found = report.References.Where(found => found.Line == int.Parse(row["line"], null) && Name(found.Reference) == Name(row["reference"])).ToList();
                var after = found.Count == 1 ? found[0].After : $"{found.Count} places";
                if (found.Count != 1 || Name(after) != Name(row["rewritten"]) || !IsReason(found[0], row["tier"]))
                {
                    wrong.Add($"{rows.Key}:{row["line"]} {row["reference"]}: {row["rewritten"]} ({row["tier"]}) expected, {after} ({found.FirstOrDefault()?.Reason}) it is");
                }
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_expected_place_is_told_as_what_it_is()
    {
        Corpus.SkipWhereAbsent();
        var wrong = new List<string>();
        foreach (var rows in Corpus.Table("EXPECTED.tsv").GroupBy(row => row["file"]))
        {
            var (report, _) = Corpus.Rewrite(rows.Key, Corpus.Read(rows.Key));
            wrong.AddRange(rows
                .Where(row => !report.References.Any(found => found.Line == int.Parse(row["line"], null) && Kinds(row["kind"]).Contains(found.Kind)))
                .Select(row => $"{rows.Key}:{row["line"]} {row["kind"]}"));
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_file_changes_where_the_tables_say_and_nowhere_else()
    {
        Corpus.SkipWhereAbsent();
        var edits = Expectations.Read();
        var wrong = new List<string>();
        foreach (var file in Corpus.Files())
        {
            var content = Corpus.Read(file);
            var (_, output) = Corpus.Rewrite(file, content);
            var expected = Expectations.Apply(content, edits.Where(edit => edit.File == file));
            if (!output.AsSpan().SequenceEqual(expected))
            {
                wrong.Add($"{file}: {Expectations.FirstDifference(expected, output)}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void What_only_looks_like_a_reference_stays()
    {
        Corpus.SkipWhereAbsent();
        var changed = new List<string>();
        foreach (var rows in Corpus.Table("NEGATIVES.tsv").GroupBy(row => row["file"]))
        {
            var before = Corpus.Read(rows.Key);
            var after = Lines(Corpus.Rewrite(rows.Key, before).Output);
            changed.AddRange(rows
                .Select(row => int.Parse(row["line"], null))
                .Where(line => Lines(before)[line - 1] != after[line - 1])
                .Select(line => $"{rows.Key}:{line} {after[line - 1]}"));
        }

        Assert.Empty(changed);
    }

    [Fact]
    public void Every_effective_reference_of_values_is_known()
    {
        Corpus.SkipWhereAbsent();
        var wrong = new List<string>();
        foreach (var rows in Corpus.Table("EXPECTED_VALUES.tsv").GroupBy(row => row["file"]))
        {
            var (report, _) = Corpus.Rewrite(rows.Key, Corpus.Read(rows.Key));
            foreach (var row in rows.Where(row => row["form"] != ComposedHost))
            {
                // The tables give the chart's default where no tag is said; what is written says nothing then.
                var name = Name(row["rewritten-reference"].Length == 0 ? row["effective-reference"] : row["rewritten-reference"]);
                if (!report.References.Any(found => Name(Normalise(found.After)) == name))
                {
                    wrong.Add($"{rows.Key}:{row["line"]} {row["path"]}: {name}");
                }
            }
        }

        Assert.Empty(wrong);
    }

    /// <summary>
    /// The values have account, region, domain and tag; the repository is in the chart's template. All but the repository is compared, which is
    /// written as <c>*</c> (docs/rewriting.md says so).
    /// </summary>
    [Fact]
    public void A_host_that_values_put_together_is_known_but_for_the_repository()
    {
        Corpus.SkipWhereAbsent();
        var rows = Corpus.Table("EXPECTED_VALUES.tsv").Where(row => row["form"] == ComposedHost).ToList();
        Assert.Equal(3, rows.Count);
        foreach (var row in rows)
        {
            var (report, _) = Corpus.Rewrite(row["file"], Corpus.Read(row["file"]));
            var found = Assert.Single(report.References, found => found.Line == int.Parse(row["line"], null));
            var expected = row["effective-reference"];
            Assert.Equal(row["effective-reference"], row["rewritten-reference"]);
            Assert.Equal($"{expected.Split('/')[0]}/*:{expected.Split(':')[^1]}", found.Reference);
            Assert.Equal((found.Reference, row["path"], row["tier"]), (found.After, found.Path, $"not-covered:{found.Reason}"));
            Assert.Empty(found.Edits);
        }
    }

    [Fact]
    public void Rewriting_again_changes_nothing()
    {
        Corpus.SkipWhereAbsent();
        foreach (var file in Corpus.Files())
        {
            var (_, once) = Corpus.Rewrite(file, Corpus.Read(file));
            var (report, twice) = Corpus.Rewrite(file, once);
            Assert.False(report.IsChanged, file);
            Assert.Equal(once, twice);
        }
    }

    private static PlaceKind[] Kinds(string kind) => kind switch
    {
        "container" or "admission-container" or "string-embedded" or "configmap-embedded" => [PlaceKind.Container],
        "initContainer" or "admission-initContainer" => [PlaceKind.InitContainer],
        "ephemeralContainer" => [PlaceKind.EphemeralContainer],
        "image-volume" => [PlaceKind.ImageVolume],
        "arg" => [PlaceKind.Argument],
        "env" => [PlaceKind.Environment],
        "annotation" => [PlaceKind.Annotation],
        "configmap-value" => [PlaceKind.ConfigMap],
        "crd-field" or "json-map-value" => [PlaceKind.Field],
        "kustomize-newName" => [PlaceKind.NewName],
        "tf-attribute" => [PlaceKind.Terraform],
        "tf-helm-set" or "tf-heredoc-values" => [PlaceKind.Values],
        _ => throw new InvalidOperationException($"The table has a new kind: {kind}"),
    };

    private static string[] Lines(byte[] content) => Encoding.Latin1.GetString(content).Split('\n');

    private static string Normalise(string reference) =>
        Millpond.Images.ImageReference.TryParse(reference, out var parsed) ? parsed.Normalised : reference;

    private static string Name(string reference) => Corpus.Name(reference);

    private static bool IsReason(Millpond.Rewriting.Edits.FoundReference found, string tier) =>
        tier.StartsWith("not-covered:", StringComparison.Ordinal)
            ? !found.IsChanged && found.Reason == tier["not-covered:".Length..]
            : found.IsChanged && found.Result.Mapping?.Names.Prefix == tier;
}
