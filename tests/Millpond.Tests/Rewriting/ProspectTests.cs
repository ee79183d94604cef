using System.Text;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;

namespace Millpond.Tests.Rewriting;

/// <summary>Documents that can name no image are not parsed. Whatever they are, parsing them would have changed nothing: asked with and without.</summary>
public sealed class ProspectTests
{
    private const int Quick = 3_000;
    private const int Many = 200_000;

    private static readonly FileRewriter Skipping = new(PlaceTables.Default, Corpus.ToCache, DocumentReader.LongLength);
    private static readonly FileRewriter Looking = new(PlaceTables.Default, Corpus.ToCache, DocumentReader.LongLength, skips: false);

    /// <summary>What makes a reference of a document without, or hides one.</summary>
    private static readonly string[] Shards =
    [
        "quay.io/a/b:1", "a/b:1", "nginx", "image", "Image", "IMAGE", "repo: ", "registry: ", "name: ", "tag: 1", "hub: ", "\\/", "\\u0069", "\\x69", "\\U00000069", "\\\n", "\\n", "\"", "'", "\n", "\n  ", ": ", "- ", "{", "}", "[", "]", ", ",
        "docker://", "oci://", "From alpine\n", "from\tb:1\n", "FROM a\n", "containers:\n- ", "services:\n  a: ", "--x-image=", "@sha256:0", "${", "}", "{{ .a }}", "&a ", "*a", "|\n  ", "/", ".", ":", "=",
    ];

    [Fact]
    public void Nothing_of_the_corpus_is_passed_over()
    {
        Corpus.SkipWhereAbsent();
        Assert.Empty(Corpus.Files().Select(file => Difference(file, Corpus.Read(file))).OfType<string>());
    }

    [Fact]
    public void Nothing_of_the_structures_is_passed_over_nor_of_their_lines_and_tails()
    {
        foreach (var structure in Structure.All)
        {
            var lines = structure.Before.Split('\n');
            Assert.Null(Difference(structure.File, Encoding.UTF8.GetBytes(structure.Before)));
            foreach (var line in lines)
            {
                Assert.Null(Difference(structure.File, Encoding.UTF8.GetBytes(line)));
            }

            for (var i = 1; i < lines.Length; i++)
            {
                Assert.Null(Difference(structure.File, Encoding.UTF8.GetBytes(string.Join('\n', lines[i..]))));
            }
        }
    }

    [Theory]
    [InlineData("x.json", "{\"a\": \"quay.io\\/a\\/b:1\"}")]
    [InlineData("x.yaml", "\"\\U00000069mage\": quay.io/a/b")]
    [InlineData("x.yaml", "a: \"quay.io/a\\\n  /b:1\"")]
    [InlineData("Dockerfile", "From alpine\n")]
    [InlineData("Dockerfile", "from\talpine\n")]
    public void What_does_not_show_is_not_passed_over(string file, string text)
    {
        Assert.Null(Difference(file, Encoding.UTF8.GetBytes(text)));
        Assert.NotEmpty(Corpus.Rewrite(file, text).Report.References);
    }

    [Fact]
    public void Whatever_is_passed_over_names_nothing() => Run(Quick, seed: 3);

    [Fact]
    [Trait("Category", "Heavy")]
    public void Whatever_of_very_many_is_passed_over_names_nothing() => Run(Many, seed: 4);

    private static void Run(int count, int seed)
    {
        var random = new Random(seed);
        string[] names = ["x.yaml", "values.yaml", "x.json", "x.tf", "x.toml", "Dockerfile", "kustomization.yaml", "compose.yaml", ".gitlab-ci.yml"];
        for (var i = 0; i < count; i++)
        {
            var structure = Structure.All[random.Next(Structure.All.Count)];
            var lines = structure.Before.Split('\n');
            var text = i % 3 == 0 ? "" : string.Join('\n', lines.Skip(random.Next(lines.Length)).Take(random.Next(1, 4)));
            for (var times = random.Next(1, 7); times > 0; times--)
            {
                text = text.Insert(random.Next(text.Length + 1), Shards[random.Next(Shards.Length)]);
            }

            var file = i % 2 == 0 ? structure.File : names[random.Next(names.Length)];
            var difference = Difference(file, Encoding.UTF8.GetBytes(text));
            Assert.True(difference is null, $"{file}: {text}\n{difference}");
        }
    }

    private static string? Difference(string file, byte[] content)
    {
        var (skipped, looked) = (Told(Skipping, file, content), Told(Looking, file, content));
        return skipped == looked ? null : $"{file}: {looked} is passed over";
    }

    private static string Told(FileRewriter rewriter, string file, byte[] content)
    {
        var report = rewriter.Rewrite(file, new MemoryStream(content), null);
        return string.Join(", ", report.References.Concat(report.Mentions).Select(found => $"{found.Line} {found.Path} {found.Reference} {found.After} {found.Reason}"));
    }
}
