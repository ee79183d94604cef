using System.Text;
using Millpond.Images;

namespace Millpond.Tests.Rewriting;

/// <summary>Broken files: never a crash, and never a byte changed that is not part of a reference.</summary>
public sealed class FuzzTests
{
    private const int Quick = 400;
    private const int Many = 100_000;

    /// <summary>Longer files take time and have no other shapes than the short ones.</summary>
    private const int MaxLength = 24 * 1024;

    private static readonly string[] Shards =
        ["\n", "\t", "\"", "'", "{", "}", "[", "]", ":", ": ", "- ", "#", "&a ", "*a", "|\n", ">-\n", "{{ .x }}", "---\n", "...\n", "\\", "\r", "\uFEFF", "é", "!!str ", "<<: *a\n", "%", "image: nginx\n", "items:\n", "\"items\": [", "\n- ", "/*", "*/", "//", ", ", "<<EOF\n", "${", "@", "\0"];

    [Fact]
    public void Mutated_files_come_out_whole() => Run(Small(), Quick, seed: 7);

    [Fact]
    public void Mutated_files_of_the_corpus_come_out_whole()
    {
        Corpus.SkipWhereAbsent();
        Run(Real(), Quick, seed: 11);
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public void Very_many_mutated_files_of_the_corpus_come_out_whole()
    {
        Corpus.SkipWhereAbsent();
        // MILLPOND_FUZZ_SEED goes on from where others have been.
        var first = int.TryParse(Environment.GetEnvironmentVariable("MILLPOND_FUZZ_SEED"), out var given) ? given : 1_000;
        Parallel.For(0, 10, worker => Run(Real(), Many / 10, seed: first + worker));
    }

    private static List<(string File, byte[] Content)> Real() =>
        [.. Corpus.Files().Select(file => (file, Corpus.Read(file))).Where(file => file.Item2.Length <= MaxLength), .. Lists()];

    /// <summary>What <c>kubectl get</c> gives, and values in each of their forms.</summary>
    private static IEnumerable<(string File, byte[] Content)> Lists() =>
    [
        ("list.yaml", Encoding.UTF8.GetBytes(LongFileTests.Yaml)),
        ("-", Encoding.UTF8.GetBytes($"---\n{LongFileTests.Yaml}\n---\n{LongFileTests.Yaml}")),
        ("list.json", Encoding.UTF8.GetBytes(LongFileTests.Json)),
        ("many.json", Encoding.UTF8.GetBytes(LongFileTests.Json + "\n" + LongFileTests.Json)),
        ("values.yaml", "global: {imageRegistry: quay.io, hub: ghcr.io/a}\na: {image: {registry: docker.io, repository: b, tag: 1, digest: ''}}\nb: {registry: x, image: c/d, tag: e}\n"u8.ToArray()),
        ("values.yaml", "imageRegistry: quay.io\nimageNamespace: jetstack\nimage: {name: a, repository: ''}\nhook: {image: &i {name: b}}\nother: {image: *i}\n"u8.ToArray()),
        ("values.yaml", "image: {tag: v1, domain: amazonaws.com, region: r, account: \"602401143452\"}\nfooImage: quay.io/a/b\nimages: {operator: ghcr.io/x, list: [a/b:1]}\n"u8.ToArray()),
    ];

    private static List<(string File, byte[] Content)> Small() =>
    [
        ("x.yaml", Encoding.UTF8.GetBytes(YamlEditTests.Pod("image: \"quay.io/a/b:1\" # x\n    args: [--acme-http01-solver-image=quay.io/a/b]"))),
        ("x.yaml", "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    apiVersion: v1\n    kind: Pod\n    spec:\n      containers:\n      - image: nginx\n"u8.ToArray()),
        ("values.yaml", "global: {image: {registry: docker.io}}\nimage: &i {registry: null, repository: busybox}\nb: {image: *i}\n"u8.ToArray()),
        ("kustomization.yaml", "images:\n- name: a/b\n  newTag: x\n- name: c\n  newName: quay.io/c\n"u8.ToArray()),
        ("x.json", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"\\u0067hcr.io\\/a\"}]}}"u8.ToArray()),
        ("Dockerfile", "ARG R=docker.io\nFROM --platform=x $R/a \\\n AS b\nCOPY --from=quay.io/a/b /x /y\nRUN <<E\nE\n"u8.ToArray()),
        ("main.tf", "set {\n name = \"image.repository\"\n value = \"a/b\"\n}\nvalues = [<<-E\n image: {repository: a/b}\n E\n]\ncontainer {\n image = \"a:${x}\"\n}\n"u8.ToArray()),
        .. Lists(),
        ("t.yaml", "{{- if .a }}\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: \"quay.io/a:{{ .t }}\"\n{{- end }}\n"u8.ToArray()),
    ];

    private static void Run(List<(string File, byte[] Content)> files, int count, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var (file, content) = files[random.Next(files.Count)];
            var mutated = Mutate(content, random);
            try
            {
                // Half of them as if they were long.
                Check(file, mutated, random.Next(2) == 0 ? null : 1);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{file}, seed {seed}, round {i}:\n{Encoding.UTF8.GetString(mutated)}", e);
            }
        }
    }

    private static void Check(string file, byte[] content, int? longLength)
    {
        var (report, output) = Corpus.Rewrite(file, content, longLength: longLength);
        var expected = new MemoryStream();
        var at = 0;
        foreach (var edit in report.Edits)
        {
            // What is replaced is a reference, the name in one, or a registry; or nothing, where a key is added.
            Assert.True(edit.Original.Length == 0 || IsReferencePart(edit.Original), edit.Original);
            expected.Write(content.AsSpan(at, (int)edit.Offset - at));
            expected.Write(Encoding.UTF8.GetBytes(edit.Replacement));
            at = (int)edit.Offset + Encoding.UTF8.GetByteCount(edit.Original);
        }

        expected.Write(content.AsSpan(at));
        Assert.Equal(expected.ToArray(), output);
        Assert.False(Corpus.Rewrite(file, output, longLength: longLength).Report.IsChanged, "a second rewriting changes it again");
        Corpus.Rewrite(file, output, Corpus.FromCache, longLength);
    }

    private static bool IsReferencePart(string text)
    {
        var plain = text.Replace("\\/", "/", StringComparison.Ordinal);
        return plain.Contains('\\', StringComparison.Ordinal)
            || ImageReference.TryParse(plain, out _)
            || ImageReference.TryParse(plain.TrimEnd('/') + "/x", out _);
    }

    private static byte[] Mutate(byte[] content, Random random)
    {
        var bytes = new List<byte>(content);
        for (var times = random.Next(1, 5); times > 0; times--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(5))
            {
                case 0:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Shards[random.Next(Shards.Length)]));
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 12)));
                    break;
                case 2 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    var from = random.Next(bytes.Count + 1);
                    bytes.InsertRange(at, bytes.GetRange(from, Math.Min(bytes.Count - from, random.Next(1, 60))));
                    break;
            }
        }

        return [.. bytes];
    }
}
