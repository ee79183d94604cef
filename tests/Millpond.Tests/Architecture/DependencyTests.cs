using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Millpond.Tests.Architecture;

public sealed partial class DependencyTests
{
    [Fact]
    public void Every_package_has_its_reason_and_every_reason_its_package()
    {
        var packages = XDocument.Load(Path.Join(SourceTree.Top, "Directory.Packages.props")).Descendants("PackageVersion").Select(p => p.Attribute("Include")!.Value);
        var reasons = Rows().Matches(File.ReadAllText(Path.Join(SourceTree.Top, "docs/decisions/dependencies.md"))).Select(row => row.Groups[1].Value);
        Assert.Equal(packages.Order(StringComparer.Ordinal), reasons.Order(StringComparer.Ordinal));
    }

    /// <summary>A row with a package, a user of it and a reason.</summary>
    [GeneratedRegex(@"^\| `([^`]+)` \| [^|]+ \| [^|]{20,} \|$", RegexOptions.Multiline)]
    private static partial Regex Rows();
}
