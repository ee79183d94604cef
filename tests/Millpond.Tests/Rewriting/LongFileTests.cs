using System.Text;
using Millpond.Rewriting.Edits;

namespace Millpond.Tests.Rewriting;

/// <summary>Lists that are read item by item: what comes out is what reading them whole gives.</summary>
public sealed class LongFileTests
{
    /// <summary>So short that every list is cut.</summary>
    private const int Short = 1;

    internal const string Yaml = """
        apiVersion: v1
        items:
        - apiVersion: v1
          kind: Pod
          metadata: {name: a}
          spec:
            containers:
            - image: nginx
              args:
              - |
                - image: quay.io/in/text
                items:
                - x
        # a comment of nobody
        - apiVersion: v1
          kind: Pod
          spec:
            containers:
            - image: "quay.io/a/b:1"
        -
          apiVersion: v1
          kind: Pod
          spec: {containers: [{image: ghcr.io/c}]}
        kind: List
        metadata:
          annotations: {x: y}
        """;

    internal const string Json = """
        {
            "apiVersion": "v1", // a comment: ["items"]
            "note": "items: [ { \" ] }",
            "items": [
                {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx", "args": ["]", "{", "\\"]}]}},
                /* , */ {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "quay.io\/a\/b:1"}, {"image": "\u0067hcr.io/c"}]}} ,
                "a text, with a comma", 1, null, [],
            ],
            "kind": "List", "metadata": {"annotations": {"artifacthub.io/images": "[]"}}
        }
        """;

    private static string WithoutComments =>
        Json.Replace("// a comment: [\"items\"]", "", StringComparison.Ordinal).Replace("/* , */", "", StringComparison.Ordinal);

    public static TheoryData<string, string> Files => new()
    {
        { "list.yaml", Yaml },
        { "list.yaml", Yaml.Replace("\n- ", "\n  - ", StringComparison.Ordinal).Replace("\n  a", "\n    a", StringComparison.Ordinal) },
        { "-", "# first\n---\n" + Yaml + "\n---\n" + Yaml + "\n...\n" + Yaml },
        { "many.yaml", Yaml[Yaml.IndexOf("- apiVersion", StringComparison.Ordinal)..Yaml.IndexOf("kind: List", StringComparison.Ordinal)] },
        { "t.yaml", Yaml.Replace("# a comment of nobody", "{{- if .x }}", StringComparison.Ordinal).Replace("kind: List", "{{- end }}\nkind: List", StringComparison.Ordinal) },
        { "one.yaml", YamlEditTests.Pod("image: nginx") },
        { "empty.yaml", "apiVersion: v1\nkind: List\nitems: []\nmetadata: {}\n" },
        { "scalar.yaml", "--- |\n items:\n - image: nginx\n--- 5\n" },
        { "patch.yaml", "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: nginx\n- {op: add, path: /spec/containers/0/image, value: quay.io/a}\n" },
        { "list.json", Json },
        { "-", Json },
        { "list.yaml", WithoutComments },
        { "compact.json", WithoutComments.Replace("\n", "", StringComparison.Ordinal) },
        { "many.json", Json + "\n" + Json + Json },
        { "marks.yaml", "---\n" + WithoutComments + "\n---\n" + WithoutComments + "\n---\n" + Yaml },
        { "array.json", "[" + Json + ", " + Json + "]" },
        { "patch.json", """[{"op": "replace", "path": "/spec/containers/0/image", "value": "nginx"}, {"op": "test", "path": "/x", "value": "nginx"}]""" },
        { "lines.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"a/b\"}]}}\n{\"kind\":\"x\",\"items\":[]}\n5\n\n" },
        { "empty.json", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void A_list_is_read_by_items_as_it_is_read_whole(string file, string content)
    {
        AssertSame(file, Encoding.UTF8.GetBytes(content));
        AssertSame(file, Encoding.UTF8.GetBytes(content.TrimEnd('\n')));
        AssertSame(file, Encoding.UTF8.GetBytes("\uFEFF" + content.Replace("\n", "\r\n", StringComparison.Ordinal)));
    }

    [Fact]
    public void Files_of_the_corpus_are_read_by_items_as_they_are_read_whole()
    {
        Corpus.SkipWhereAbsent();
        foreach (var file in Corpus.Files())
        {
            AssertSame(file, Corpus.Read(file));
        }
    }

    [Fact]
    public void The_lists_above_are_cut_and_everything_in_them_is_found()
    {
        Assert.Equal(["items[0].spec.containers[0].image", "items[0].spec.containers[0].args[0]", "items[1].spec.containers[0].image", "items[2].spec.containers[0].image"], Paths("x.yaml", Yaml));
        Assert.Equal(["items[0].spec.containers[0].image", "items[1].spec.containers[0].image", "items[1].spec.containers[1].image"], Paths("x.json", Json));
    }

    [Fact]
    public void An_item_that_cannot_be_read_stays_and_the_others_do_not()
    {
        var broken = Yaml.Replace("metadata: {name: a}", "metadata: {name: a", StringComparison.Ordinal);
        var (report, output) = Rewrite("x.yaml", broken);
        var fault = Assert.Single(report.Faults);
        Assert.InRange(fault.Line, 3, 14);
        Assert.Equal(["quay.io/in/text", "quay.io/a/b:1", "ghcr.io/c"], report.References.Select(found => found.Reference));
        Assert.Equal([11, 19, 23], report.References.Select(found => found.Line));
        Assert.Contains("image: nginx\n", output, StringComparison.Ordinal);

        var first = Json.IndexOf("\"kind\": \"Pod\"", StringComparison.Ordinal);
        (report, output) = Rewrite("x.json", Json.Insert(first + 1, "\\q"));
        Assert.Equal(5, Assert.Single(report.Faults).Line);
        Assert.Equal(["quay.io/a/b:1", "ghcr.io/c"], report.References.Select(found => found.Reference));
        Assert.Contains("\"nginx\"", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.json", "{\"items\": [{\"image\": 1}, ")]
    [InlineData("x.json", "{\"items\": [{\"image\": 1}}, {}]}")]
    [InlineData("x.json", "{\"items\": [{\"image\": \"")]
    [InlineData("x.json", "{\"items\": [] /* image")]
    [InlineData("x.json", "] \"image\"")]
    public void A_list_that_breaks_off_is_named_and_comes_out_as_it_was(string file, string content)
    {
        var (report, output) = Rewrite(file, content);
        Assert.NotEmpty(report.Faults);
        Assert.Equal(content, output);
    }

    [Fact]
    public void An_item_whose_anchor_is_in_another_one_stays_and_is_named()
    {
        var content = Yaml.Replace("image: nginx", "image: &i nginx", StringComparison.Ordinal).Replace("image: \"quay.io/a/b:1\"", "image: *i", StringComparison.Ordinal);
        var (report, output) = Rewrite("x.yaml", content);
        Assert.Contains("*i", Assert.Single(report.Faults).What, StringComparison.Ordinal);
        Assert.Contains("image: &i cache.example.com/", output, StringComparison.Ordinal);
        Assert.Contains("image: *i\n", output, StringComparison.Ordinal);
        Assert.Contains("cache.example.com/ghcr/c", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.yaml", "a: |\n")]
    [InlineData("x.json", "{\"a\": \"")]
    [InlineData("Dockerfile", "FROM a\n")]
    [InlineData("main.tf", "a = 1\n")]
    public void What_is_no_list_and_too_long_to_be_held_is_refused(string file, string start)
    {
        using var input = new EndlessStream(Encoding.UTF8.GetBytes(start));
        var rewriter = new FileRewriter(Millpond.Rewriting.Places.PlaceTables.Default, Corpus.ToCache);
        var failure = Assert.Throws<InvalidDataException>(() => rewriter.Rewrite(file, input, null));
        Assert.Contains("64 MiB", failure.Message, StringComparison.Ordinal);
        Assert.InRange(input.Given, 0, 70 << 20);
    }

    private static void AssertSame(string file, byte[] content)
    {
        var (whole, expected) = Corpus.Rewrite(file, content);
        var (pieces, output) = Corpus.Rewrite(file, content, longLength: Short);
        Assert.True(expected.AsSpan().SequenceEqual(output), $"{file}: {Expectations.FirstDifference(expected, output)}");
        Assert.Equal(whole.Edits, pieces.Edits);
        Assert.Equal(whole.References.Select(Summary), pieces.References.Select(Summary));
    }

    private static string Summary(FoundReference found) => $"{found.File}:{found.Line} {found.Kind} {found.Path} {found.Reference} {found.After} {found.Reason}";

    private static IEnumerable<string> Paths(string file, string content)
    {
        var (report, _) = Rewrite(file, content);
        Assert.Empty(report.Faults);
        return report.References.Where(found => found.IsChanged).Select(found => found.Path);
    }

    private static (FileReport Report, string Output) Rewrite(string file, string content)
    {
        var (report, output) = Corpus.Rewrite(file, Encoding.UTF8.GetBytes(content), longLength: Short);
        return (report, Encoding.UTF8.GetString(output));
    }

    /// <summary>A beginning, and then lines of text without an end.</summary>
    private sealed class EndlessStream(byte[] start) : MemoryStream
    {
        private int given;

        public long Given => given;

        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            for (var i = 0; i < buffer.Length; i++, given++)
            {
                buffer[i] = given < start.Length ? start[given] : (given % 64) == 0 ? (byte)'\n' : (byte)' ';
            }

            return buffer.Length;
        }
    }
}
