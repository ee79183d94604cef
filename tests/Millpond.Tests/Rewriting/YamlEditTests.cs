using System.Text.RegularExpressions;

namespace Millpond.Tests.Rewriting;

/// <summary>YAML by its spellings: what is edited, and that the rest stays byte for byte.</summary>
public sealed partial class YamlEditTests
{
    [Theory]
    [InlineData("image: nginx", "image: cache.example.com/docker-hub/library/nginx")]
    [InlineData("image:   nginx:1.27   # why", "image:   cache.example.com/docker-hub/library/nginx:1.27   # why")]
    [InlineData("image: 'quay.io/a/b:1'", "image: 'cache.example.com/quay/a/b:1'")]
    [InlineData("image: \"quay.io/a/b:1\"", "image: \"cache.example.com/quay/a/b:1\"")]
    [InlineData("image: \"\\x71uay.io/a\\/b:1\"", "image: \"cache.example.com\\/quay/a\\/b:1\"")]
    [InlineData("image: &x quay.io/a/b", "image: &x cache.example.com/quay/a/b")]
    [InlineData("image: !!str quay.io/a/b", "image: !!str cache.example.com/quay/a/b")]
    [InlineData("image: &x !!str\n      quay.io/a/b", "image: &x !!str\n      cache.example.com/quay/a/b")]
    [InlineData("image: >-\n      quay.io/a/b:1\n", "image: >-\n      cache.example.com/quay/a/b:1\n")]
    [InlineData("image: |\n      quay.io/a/b:1\n", "image: |\n      cache.example.com/quay/a/b:1\n")]
    [InlineData("image: |2\n      quay.io/a/b:1\n", "image: |2\n      cache.example.com/quay/a/b:1\n")]
    [InlineData("\"image\": nginx", "\"image\": cache.example.com/docker-hub/library/nginx")]
    [InlineData("? image\n    : nginx", "? image\n    : cache.example.com/docker-hub/library/nginx")]
    [InlineData("image: quay.io/a/b@sha256:" + Sha, "image: cache.example.com/quay/a/b@sha256:" + Sha)]
    [InlineData("image: quay.io/a/b:1@sha256:" + Sha, "image: cache.example.com/quay/a/b:1@sha256:" + Sha)]
    public void A_spelling_is_kept(string before, string after) => AssertRewrites(Pod(before), Pod(after));

    [Theory]
    [InlineData("image: \"\"")]
    [InlineData("image: null")]
    [InlineData("image: # quay.io/a/b")]
    [InlineData("image: \"quay.io/\\\n      a/b\"")]
    [InlineData("image: quay.io/a\n      b")]
    [InlineData("image: $(IMAGE)")]
    [InlineData("image: \"{IMAGE}\"")]
    [InlineData("image: Quay.io/A/b")]
    [InlineData("args: [\"echo image: quay.io/a/b\"]")]
    [InlineData("command: [sh, -c, \"docker run quay.io/a/b\"]")]
    [InlineData("env: [{name: DESCRIPTION, value: quay.io/a/b}]")]
    public void What_is_no_reference_stays(string text) => AssertStays(Pod(text));

    [Fact]
    public void All_containers_and_image_volumes_are_found() => AssertEdits(
        """
        kind: Pod
        apiVersion: v1
        spec:
          initContainers: [{image: ⟦a/b → cache.example.com/docker-hub/a/b⟧, name: i}]
          containers:
          - {name: x, image: "⟦quay.io/a/b → cache.example.com/quay/a/b⟧"}
          ephemeralContainers:
          - image: ⟦ghcr.io/a/b:1 → cache.example.com/ghcr/a/b:1⟧
          volumes:
          - name: v
            image: {reference: ⟦registry.k8s.io/pause:3.10 → cache.example.com/k8s/pause:3.10⟧}
          - name: w
            configMap: {name: image}
        """);

    [Fact]
    public void A_byte_order_mark_CRLF_and_a_missing_last_line_break_stay() => AssertRewrites(
        "\uFEFFapiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: nginx # ä\r\n    name: x",
        "\uFEFFapiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: cache.example.com/docker-hub/library/nginx # ä\r\n    name: x");

    [Fact]
    public void An_alias_is_edited_at_its_anchor_once() => AssertEdits(
        """
        apiVersion: v1
        kind: Pod
        x: &img ⟦quay.io/a/b → cache.example.com/quay/a/b⟧
        spec:
          containers:
          - &one {name: a, image: *img}
          - {name: b, image: *img}
          - <<: *one
            name: c
        """);

    [Fact]
    public void Documents_are_read_one_by_one_and_a_broken_one_stays()
    {
        var (report, output) = Corpus.Rewrite("x.yaml", $"# a\n---\n{Pod("image: quay.io/a/b")}...\n%YAML 1.2\n---\n image: [\n---\n{Pod("image: nginx")}");
        Assert.Equal(
            $"# a\n---\n{Pod("image: cache.example.com/quay/a/b")}...\n%YAML 1.2\n---\n image: [\n---\n{Pod("image: cache.example.com/docker-hub/library/nginx")}",
            output);
        var fault = Assert.Single(report.Faults);
        Assert.InRange(fault.Line, 10, 13);
        Assert.Equal([8, 19], report.References.Select(found => found.Line));
    }

    [Theory]
    [InlineData("image: !<> quay.io/a/b")]
    [InlineData("image: !<a%zzb> quay.io/a/b")]
    [InlineData("image: !<no uri> quay.io/a/b")]
    [InlineData("image: !!%ff quay.io/a/b")]
    [InlineData("image: !!str[] quay.io/a/b")]
    [InlineData("image: !<:> quay.io/a/b")]
    [InlineData("image: !!\u00e9 quay.io/a/b")]
    public void A_tag_that_is_none_is_a_fault_of_its_document(string text)
    {
        var (report, output) = Corpus.Rewrite("x.yaml", Pod(text));
        Assert.Equal(Pod(text), output);
        Assert.Single(report.Faults);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_stay()
    {
        byte[] comment = [(byte)'#', 0xE5, 0x85, 0xC3, (byte)'\n'];
        var (report, output) = Corpus.Rewrite("x.yaml", [.. comment, .. System.Text.Encoding.UTF8.GetBytes(Pod("image: nginx"))]);
        Assert.Equal([.. comment, .. System.Text.Encoding.UTF8.GetBytes(Pod("image: cache.example.com/docker-hub/library/nginx"))], output);
        Assert.Empty(report.Faults);
    }

    [Fact]
    public void A_file_that_is_no_text_stays()
    {
        byte[] utf16 = [0xFF, 0xFE, .. System.Text.Encoding.Unicode.GetBytes(Pod("image: nginx"))];
        var (report, output) = Corpus.Rewrite("x.yaml", utf16);
        Assert.Equal(utf16, output);
        Assert.Single(report.Faults);
    }

    internal const string Sha = "594ceea76b01c592858f803f9ff4d2cb40542cae2060410b2c95f75907d659e1";

    internal static string Pod(string container) => $"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: x\n    {container}\n";

    internal static void AssertRewrites(string before, string after, string file = "x.yaml")
    {
        Assert.Equal(after, Corpus.Rewrite(file, before).Output);
        Assert.Equal(after, Corpus.Rewrite(file, after).Output);
    }

    /// <summary>What changes is written where it changes: <c>⟦before → after⟧</c>.</summary>
    internal static void AssertEdits(string marked, string file = "x.yaml") =>
        AssertRewrites(Change().Replace(marked, "$1"), Change().Replace(marked, "$2"), file);

    internal static void AssertStays(string text, string file = "x.yaml") => AssertRewrites(text, text, file);

    [GeneratedRegex("⟦([^→]*) → ([^⟧]*)⟧")]
    private static partial Regex Change();
}
