using System.Text;
using System.Text.RegularExpressions;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Rewriting;

/// <summary>
/// A line that names a registry with a path and a tag or digest is never passed over in silence: what stands there is changed, or told. Measured by a
/// reader that knows nothing of formats, so that it cannot share a mistake with the finders.
/// </summary>
public sealed partial class SilenceTests
{
    [Fact]
    public void No_reference_of_the_corpus_is_silent()
    {
        Corpus.SkipWhereAbsent();
        var lines = 0;
        var silent = Corpus.Files().SelectMany(file => Silent(file, Corpus.Read(file), ref lines)).ToList();
        Assert.Empty(silent);
        // The reader itself must not be blind.
        Assert.InRange(lines, 100, int.MaxValue);
    }

    [Fact]
    public void No_reference_of_the_structures_is_silent()
    {
        var lines = 0;
        Assert.Empty(Structure.All.SelectMany(structure => Silent(structure.File, Encoding.UTF8.GetBytes(structure.Before), ref lines)).ToList());
        Assert.InRange(lines, 100, int.MaxValue);
    }

    [Theory]
    [InlineData("x.yaml", "a: {b: [quay.io/a/b:1]}")]
    [InlineData("x.yaml", "? quay.io/a/b:1\n: c")]
    [InlineData("x.yaml", "a: |\n  docker run -it quay.io/a/b:1 sh\n")]
    [InlineData("x.yaml", "a: >\n  one\n  quay.io/a/b:1\n")]
    [InlineData("x.yaml", "a: \"x\\n\\\n  quay.io/a/b:1\"")]
    [InlineData("x.yaml", "a: one\n  quay.io/a/b:1\n")]
    [InlineData("x.yaml", "a: [quay.io/a/b:1\n")]
    [InlineData("x.yaml", "{{ define \"a\" }}\nquay.io/a/b:1\n - {\n{{ end }}")]
    [InlineData("x.json", "{\"quay.io/a/b:1\": [\"c\"]}")]
    [InlineData("x.json", "{\"a\": \"quay.io/a/b:1\"")]
    [InlineData("x.tf", "a = b ? \"quay.io/a/b:1\" : c\n")]
    [InlineData("x.tf", "a = <<E\nquay.io/a/b:1\nE\n")]
    [InlineData("x.toml", "a = [\"quay.io/a/b:1\"]\n")]
    [InlineData("Dockerfile", "FROM scratch\nRUN x quay.io/a/b:1\n")]
    [InlineData("x.yaml", "a: other.example.org/a/b:1\n")]
    public void No_form_is_silent(string file, string content)
    {
        var lines = 0;
        Assert.Empty(Silent(file, Encoding.UTF8.GetBytes(content), ref lines));
        Assert.Equal(1, lines);
    }

    [Theory]
    [InlineData("a: https://quay.io/a/b:1")]
    [InlineData("a: see https://github.com/a/b:1")]
    [InlineData("# quay.io/a/b:1")]
    [InlineData("a: b # quay.io/a/b:1")]
    [InlineData("a: quay.io/a/*")]
    [InlineData("a: quay.io/a/b")]
    [InlineData("a: me@quay.io/a/b:1")]
    [InlineData("a: /srv/quay.io/a/b:1")]
    [InlineData("app.kubernetes.io/name: b")]
    [InlineData("a: x.svc.cluster.local/metrics:9090")]
    public void What_names_no_image_is_not_told(string content)
    {
        var (report, _) = Corpus.Rewrite("x.yaml", content);
        Assert.Empty(report.References.Concat(report.Mentions));
    }

    [Theory]
    [InlineData("places.yaml")]
    public void No_place_of_the_tables_is_in_a_document_that_is_not_parsed(string table)
    {
        var text = File.ReadAllText(Path.Join(SourceTree.Top, "src/Millpond.Rewriting/Tables", table));
        var places = PlacesOfTable().Matches(text).SelectMany(match => match.Groups[1].Value.Split(", ")).Select(place => place.Trim('"', '\'', ' ', '\n')).ToList();
        Assert.InRange(places.Count, 100, int.MaxValue);
        // Values have images of their own; what must name its registry is seen by that.
        Assert.All(places.Where(place => !place.Contains(" as values", StringComparison.Ordinal) && !place.Contains(" as helm", StringComparison.Ordinal)
                && !place.Contains(" as named", StringComparison.Ordinal) && !place.Contains(" as docker-url", StringComparison.Ordinal) && place != "data.*"),
            place => Assert.Contains(Prospect.Words, word => place.Contains(word, StringComparison.Ordinal)));
    }

    [Fact]
    public void Everywhere_changes_what_is_only_told()
    {
        const string Content = "a: quay.io/a/b:1\ncmd: docker run ghcr.io/a/b:1 sh\nchart: oci://ghcr.io/a/chart\ndescription: quay.io/a/b:1\n";
        var rewriter = new FileRewriter(PlaceTables.Default, Corpus.ToCache, everywhere: true);
        using var output = new MemoryStream();
        rewriter.Rewrite("x.yaml", new MemoryStream(Encoding.UTF8.GetBytes(Content)), output);
        Assert.Equal(
            "a: cache.example.com/quay/a/b:1\ncmd: docker run cache.example.com/ghcr/a/b:1 sh\nchart: oci://cache.example.com/ghcr/a/chart\ndescription: quay.io/a/b:1\n",
            Encoding.UTF8.GetString(output.ToArray()));
        Assert.Equal(Content, Corpus.Rewrite("x.yaml", Content).Output);
    }

    private static List<string> Silent(string file, byte[] content, ref int lines)
    {
        var report = Corpus.Rewrite(file, content).Report;
        var told = report.References.Concat(report.Mentions).SelectMany(found => found.Edits.Select(edit => edit.Line).Append(found.Line)).ToHashSet();
        var silent = new List<string>();
        var texts = Encoding.Latin1.GetString(content).Split('\n');
        for (var i = 0; i < texts.Length; i++)
        {
            if (Reference().IsMatch(WithoutComment(texts[i])))
            {
                lines++;
                if (!told.Contains(i + 1))
                {
                    silent.Add($"{file}:{i + 1} {texts[i].Trim()}");
                }
            }
        }

        return silent;
    }

    private static string WithoutComment(string line)
    {
        var start = line.TrimStart();
        if (start.StartsWith('#') || start.StartsWith("//", StringComparison.Ordinal) || start.StartsWith("{{/*", StringComparison.Ordinal) || start.StartsWith("{{- /*", StringComparison.Ordinal))
        {
            return "";
        }

        var comment = line.IndexOf(" #", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }

    [GeneratedRegex(@"places: \[([^\n]*(?:\n {4,}[^\n]*)*)\]\n")]
    private static partial Regex PlacesOfTable();

    [GeneratedRegex(@"(?<![\w./@:-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/[a-z0-9._/-]+(?::\w[\w.-]*|@sha256:[0-9a-f]+)")]
    private static partial Regex Reference();
}
