using Millpond.Rewriting.Edits;

namespace Millpond.Tests.Rewriting;

/// <summary>Files of many tools, by small inputs with their structure: what is changed, what is told and stays, and that there is nothing else.</summary>
public sealed class StructureTests
{
    private const int Wanted = 150;
    private const int WantedTools = 40;

    public static TheoryData<string> Names => [.. Structure.All.Select(Name)];

    [Fact]
    public void There_are_many_structures_of_many_tools()
    {
        Assert.True(Structure.All.Count >= Wanted, $"{Structure.All.Count} structures");
        Assert.True(Structure.All.Select(structure => structure.Tool).Distinct().Count() >= WantedTools);
        Assert.Equal(Structure.All.Count, Structure.All.Select(Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_structure_comes_out_as_it_is_marked(string name)
    {
        var structure = Structure.All.Single(structure => Name(structure) == name);
        var (report, output) = Corpus.Rewrite(structure.File, structure.Before);
        Assert.Equal(structure.After, output);
        Assert.Equal(structure.Told.Order(StringComparer.Ordinal), Told(report).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_structure_that_was_rewritten_stays(string name)
    {
        var structure = Structure.All.Single(structure => Name(structure) == name);
        var (report, output) = Corpus.Rewrite(structure.File, structure.After);
        Assert.Equal(structure.After, output);
        Assert.False(report.IsChanged);
    }

    private static IEnumerable<string> Told(FileReport report) => report.References.Concat(report.Mentions)
        .Where(found => !found.IsChanged)
        .Select(found => $"{found.Line} {found.Reference} {found.Reason}");

    private static string Name(Structure structure) => $"{structure.Tool} · {structure.File} · {structure.From}";
}
