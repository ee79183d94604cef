using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Rewriting;

/// <summary>Rewriting and the server mean the same by a name: every rewritten reference is pulled from where the original is.</summary>
public sealed class CorpusPullTests
{
    [Fact]
    public async Task Every_rewritten_reference_of_the_corpus_reaches_the_upstream_of_the_original()
    {
        Corpus.SkipWhereAbsent();
        await using var cache = await TieredCache.StartAsync();
        var pulled = new HashSet<(string, string)>();
        foreach (var rows in Corpus.Table("EXPECTED.tsv").Where(row => row["reference"] != row["rewritten"]).GroupBy(row => row["file"]))
        {
            var (report, _) = Corpus.Rewrite(rows.Key, Corpus.Read(rows.Key));
            foreach (var row in rows)
            {
                var name = Corpus.Name(row["reference"]);
                var found = report.References.First(found => found.Line == int.Parse(row["line"], null) && Corpus.Name(found.Reference) == name);
                // Where the tag stands apart (a kustomization) the text that was edited has none.
                var after = Corpus.Name(found.After) + row["reference"][name.Length..];
                if (pulled.Add((row["normalised"], after)))
                {
                    await cache.PullAsync(row["normalised"], after);
                }
            }
        }

        Assert.InRange(pulled.Count, 100, int.MaxValue);
        TestContext.Current.TestOutputHelper?.WriteLine($"{pulled.Count} references were pulled.");
    }
}
