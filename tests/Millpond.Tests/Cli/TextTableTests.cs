using System.Text;
using Millpond.Cli;
using Millpond.Cli.Tables;
using Millpond.Images;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Places;
using Millpond.Server.Telemetry;

namespace Millpond.Tests.Cli;

/// <summary>Tables on terminals of any width, and with none.</summary>
public sealed class TextTableTests
{
    private const string Image = "registry.example.com/some/where/deep/application-with-a-name:v1.2.3";
    private const string Why = "a rule is for this registry, but its allow and deny leave this repository out";

    [Theory]
    [InlineData(20)]
    [InlineData(80)]
    [InlineData(100)]
    [InlineData(120)]
    [InlineData(200)]
    [InlineData(null)]
    public void No_word_is_cut_and_no_line_is_longer_than_the_terminal(int? width)
    {
        var drawn = Table().Draw(width);
        var words = drawn.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in $"{Image} {Why} overlays/production/deployment.yaml:12".Split(' '))
        {
            Assert.Contains(word, words);
        }

        var longest = words.Max(word => word.Length);
        Assert.All(drawn.Split('\n'), line => Assert.True(width is null || line.Length <= Math.Max(width.Value, longest + 20), line));
        Assert.All(drawn.Split('\n'), line => Assert.Equal(line.TrimEnd(), line));
    }

    [Fact]
    public void Without_a_terminal_a_row_is_a_line() => Assert.Equal(2 + 2, Table().Draw(null).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);

    [Fact]
    public void What_does_not_fit_in_columns_is_a_block_for_each_row() => Assert.Equal(
        """
        registry/name
            why  one two
                 three
        other
            why  four

        """,
        Narrow().Draw(18));

    [Theory]
    [InlineData("\u001b[31mred", "\\u001b[31mred")]
    [InlineData("a\nb\tc", "a\\u000ab\\u0009c")]
    [InlineData("\u009b2J\u202eabc\u2028", "\\u009b2J\\u202eabc\\u2028")]
    [InlineData("ä – 日本", "ä – 日本")]
    public void What_would_move_the_cursor_is_written_out(string text, string visible)
    {
        var table = new TextTable("image", "why");
        table.Add(text, "x");
        Assert.StartsWith(visible, table.Draw(80).Split('\n')[2], StringComparison.Ordinal);
        Assert.Equal(visible, VisibleText.Of(text));

        using var output = new StringWriter();
        using var messages = new VisibleWriter(output);
        messages.WriteLine(text);
        Assert.Equal(VisibleText.Lines(text) + "\n", output.ToString());
        Assert.All(output.ToString(), c => Assert.True(VisibleText.IsVisible(c) || c is '\n' or '\t'));
    }

    [Theory]
    [InlineData("a: \u001b[2Jb\r\nä\n", "a: \\u001b[2Jb\r\nä\n")]
    [InlineData("no end \u009b", "no end \\u009b")]
    [InlineData("", "")]
    public void Content_on_a_terminal_moves_nothing_either(string content, string shown)
    {
        using var output = new MemoryStream();
        using (var stream = new VisibleStream(output))
        {
            // Byte by byte: a character may come in pieces.
            foreach (var value in Encoding.UTF8.GetBytes(content))
            {
                stream.WriteByte(value);
            }
        }

        Assert.Equal(shown, Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void Every_reason_has_a_remedy()
    {
        string[] reasons =
        [
            .. Enum.GetValues<RewriteReason>()
                .Where(reason => !reason.IsChange() && reason is not (RewriteReason.AlreadyInCache or RewriteReason.NotInCache))
                .Select(reason => reason.Code()),
            .. Enum.GetValues<Obstacle>().Select(obstacle => obstacle.Word()),
        ];
        Assert.All(reasons, reason =>
        {
            var remedy = Remedy.Of(new ImageCoverage("quay.example.com/a/b", "quay.example.com/a/b", false, null, "quay", null, reason, null, []));
            Assert.True(remedy.Length > 5, reason);
            Assert.True(reason.Contains("ecr", StringComparison.Ordinal) || !remedy.Contains("AWS", StringComparison.Ordinal), remedy);
        });
    }

    [Fact]
    public void Reasons_speak_of_ECR_only_where_it_is() => Assert.All(
        Enum.GetValues<RewriteReason>().Where(reason => reason is not (RewriteReason.PrivateEcr or RewriteReason.EksAddOn or RewriteReason.PublicEcr)),
        reason => Assert.DoesNotContain("ECR", reason.Describe(), StringComparison.Ordinal));

    private static TextTable Table()
    {
        var table = new TextTable("image", "covered", "rule", "why", "places");
        table.Add(Image, "no", "docker-hub", Why, "overlays/production/deployment.yaml:12 and 3 more");
        table.Add("nginx", "yes, cached", "docker-hub", "pulled through the cache", "a.yaml:1");
        return table;
    }

    private static TextTable Narrow()
    {
        var table = new TextTable("image", "why");
        table.Add("registry/name", "one two three");
        table.Add("other", "four");
        return table;
    }
}
