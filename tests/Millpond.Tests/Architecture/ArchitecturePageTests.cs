using System.Text.RegularExpressions;

namespace Millpond.Tests.Architecture;

/// <summary><c>docs/architecture.md</c> tells flows by file names; a file that is renamed must be renamed there too.</summary>
public sealed partial class ArchitecturePageTests
{
    private static readonly string Page = File.ReadAllText(Path.Join(SourceTree.Top, "docs", "architecture.md"));

    [Fact]
    public void Every_file_on_the_page_exists()
    {
        var files = SourceTree.Read("src").Concat(SourceTree.Read("tests")).Select(file => "/" + file.Path).ToArray();
        var named = FileName().Matches(Page).Select(match => match.Groups[1].Value).Distinct().ToArray();

        Assert.True(named.Length > 10);
        Assert.All(named, name => Assert.Contains(files, file => file.EndsWith("/" + name, StringComparison.Ordinal)));
    }

    [Fact]
    public void It_is_one_page() => Assert.InRange(Page.Split('\n').Length, 1, 100);

    [GeneratedRegex("`([A-Za-z0-9./]+\\.cs)`")]
    private static partial Regex FileName();
}
