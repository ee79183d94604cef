using System.Text;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Tests.Rewriting;

/// <summary>The quick reader of YAML against the parser: what it reads is what the parser reads, to the position; else it gives up.</summary>
public sealed class PlainYamlTests
{
    private const int Quick = 4_000;
    private const int Many = 400_000;

    private static readonly string[] Shards =
    [
        "a", "b: ", "c:", "- ", "-", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "{", "}", "[", "]", ", ", ",", "\"", "'", "\"x\"", "'y'", " ", "#", " # k", ":", ": ", "|", ">", "&a ", "*a", "!t ", "?", "? ",
        "---", "---\n", "...", "%", "@", "`", "é", "\t", "\r\n", "~", "null", "1", "image: ", "name: x", "a:1", "=", "<<: ", "\\", "\\n", "(", "--x", "-x", "- - ", "key: v\n", "key:\n", "  k: v\n", "- i\n", "{a: b}", "[a, b]",
        "{a: [b, {c: d}]}", "''", "\"\"", "x y", "\0", "\uFEFF",
    ];

    [Theory]
    [InlineData("a: b\nc:\n  d: e # x\n  f:\n  - g\n  - h: i\n    j: k\nl: {m: n, o: [p, \"q\"]}\n", true)]
    [InlineData("---\n# x\nkind: Pod\nspec:\n- a\n\n- 'b'\nd:\n", true)]
    [InlineData("- - a\n  - b\n- c: d\n", true)]
    [InlineData("a: |\n  b\n", false)]
    [InlineData("a: b\n  c\n", false)]
    [InlineData("a: *b\n", false)]
    [InlineData("a: {b: c\n}\n", false)]
    [InlineData("a: b\n---\nc: d\n", false)]
    [InlineData("a: b: c\n", false)]
    [InlineData("a:\tb\n", false)]
    [InlineData("", false)]
    public void It_reads_what_is_plain_and_leaves_the_rest(string text, bool isRead)
    {
        Assert.Equal(isRead, PlainYaml.TryRead(Layer.Of(Encoding.UTF8.GetBytes(text))) is not null);
        Assert.Null(Difference(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void It_reads_the_corpus_and_the_structures_as_the_parser_does()
    {
        Corpus.SkipWhereAbsent();
        var documents = Corpus.Files().Where(file => FileFormats.ByName(file) == FileFormat.Yaml).SelectMany(file => Documents(Corpus.Read(file))).Concat(Structures()).ToList();
        Assert.Empty(documents.Select(Difference).OfType<string>());
        // It is there for most of them.
        Assert.InRange(documents.Count(document => PlainYaml.TryRead(Layer.Of(document)) is not null), documents.Count / 2, documents.Count);
    }

    [Fact]
    public void Whatever_it_reads_it_reads_as_the_parser_does() => Run(Quick, seed: 5);

    [Fact]
    [Trait("Category", "Heavy")]
    public void Whatever_of_very_many_it_reads_it_reads_as_the_parser_does() => Run(Many, seed: 6);

    private static void Run(int count, int seed)
    {
        var random = new Random(seed);
        var documents = Structures().ToList();
        for (var i = 0; i < count; i++)
        {
            var text = i % 2 == 0 ? Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => Shards[random.Next(Shards.Length)]))) : Mutate(documents[random.Next(documents.Count)], random);
            Assert.True(Difference(text) is null, $"{Encoding.UTF8.GetString(text)}\n{Difference(text)}");
        }
    }

    private static byte[] Mutate(byte[] content, Random random)
    {
        var text = Encoding.Latin1.GetString(content);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = random.Next(text.Length + 1);
            text = random.Next(3) switch
            {
                0 => text.Insert(at, Shards[random.Next(Shards.Length)].Replace('\uFEFF', 'é')),
                1 => text.Remove(at, Math.Min(text.Length - at, random.Next(1, 9))),
                _ => text.Insert(at, text.Substring(random.Next(text.Length / 2), text.Length / 8)),
            };
        }

        return Encoding.Latin1.GetBytes(text);
    }

    private static IEnumerable<byte[]> Structures() => Structure.All.Where(structure => FileFormats.ByName(structure.File) == FileFormat.Yaml).SelectMany(structure => Documents(Encoding.UTF8.GetBytes(structure.Before)));

    private static IEnumerable<byte[]> Documents(byte[] file) => new DocumentReader(new MemoryStream(file)).Read().Select(document => document.Bytes.ToArray());

    private static string? Difference(byte[] text)
    {
        var layer = Layer.Of(text);
        if (PlainYaml.TryRead(layer) is not { } plain)
        {
            return null;
        }

        var documents = new List<Node>();
        var isRead = YamlNodes.TryParse(layer, layer.Bytes, documents, out var fault);
        return !isRead ? fault!.What
            : documents is not [var parsed] ? $"{documents.Count} documents"
            : Written(plain) == Written(parsed) ? null : $"{Written(plain)}\n{Written(parsed)}";
    }

    private static string Written(Node? node) => node switch
    {
        MappingNode mapping => $"{(mapping.IsFlow ? "flow" : "")}{{{string.Join(", ", mapping.Entries.Select(entry => $"{Written(entry.Key)}: {Written(entry.Value)}"))}}}",
        SequenceNode sequence => $"[{string.Join(", ", sequence.Items.Select(Written))}]",
        ScalarNode scalar => $"{scalar.Start}-{scalar.End} {scalar.Style} {scalar.HasOwnTag} '{scalar.Value}'",
        _ => $"{node?.GetType().Name}",
    };
}
