using Millpond.Images;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Images;

/// <summary>Every reference of the rewriting corpus, which lies beside the repository and is not part of it.</summary>
public sealed class RewriteCorpusTests
{
    private readonly RewriteRules rules = new(RegistryAddress.Parse("cache.example.com"), RewriteRulesTests.Presets);

    [Fact]
    public void Every_reference_of_the_corpus_comes_out_as_expected()
    {
        var file = Path.Join(SourceTree.Top, "../shared/corpus/EXPECTED.tsv");
        if (!File.Exists(file))
        {
            Assert.Skip("The rewriting corpus is not beside this repository.");
        }

        var rows = File.ReadLines(file).Skip(1).Select(line => line.Split('\t')).ToArray();
        Assert.NotEmpty(rows);
        Assert.Multiple([.. rows.Select(row => (Action)(() => Check(row)))]);
    }

    private void Check(string[] row)
    {
        var (reference, normalised, tier, rewritten) = (row[2], row[3], row[4], row[5]);
        var result = rules.Rewrite(reference);
        Assert.Equal(rewritten, result.Reference);
        Assert.Equal(tier, result.IsChanged ? result.Mapping?.Names.Prefix : "not-covered:" + result.Reason.Code());
        if (normalised == "invalid")
        {
            Assert.False(ImageReference.TryParse(reference, out _));
            return;
        }

        // The table's normalised form names the tag that a pull would take.
        var parsed = ImageReference.Parse(reference);
        Assert.Equal(normalised, parsed.Normalised + (parsed.Suffix.IsEmpty ? ":latest" : ""));
        if (result.IsChanged)
        {
            Assert.True(ImageReference.Parse(rules.Restore(rewritten).Reference).MeansSameAs(parsed));
        }
    }
}
