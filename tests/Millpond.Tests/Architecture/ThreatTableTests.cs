using System.Reflection;
using System.Text.RegularExpressions;

namespace Millpond.Tests.Architecture;

/// <summary>The table of threats in <c>SECURITY.md</c> names the tests that show what it says; they must be there.</summary>
public sealed partial class ThreatTableTests
{
    [Fact]
    public void Every_row_names_tests_that_exist()
    {
        var rows = File.ReadAllLines(Path.Join(SourceTree.Top, "SECURITY.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1).ToList();
        Assert.True(rows.Count > 10);
        foreach (var row in rows)
        {
            var names = TestName().Matches(row.Split(" | ")[2]).Select(name => name.Groups[1].Value.Split('.')).ToList();
            Assert.NotEmpty(names);
            Assert.All(names, name => Assert.True(Exists(name), $"{string.Join('.', name)} is named in SECURITY.md, and there is no such test"));
        }
    }

    private static bool Exists(string[] name) => Assembly.GetExecutingAssembly().GetTypes().Where(type => type.Name == name[0]).Any(type =>
        name.Length == 1 || type.GetMethod(name[1]) is { } method && method.GetCustomAttributes<FactAttribute>().Any());

    [GeneratedRegex("`([A-Za-z_.0-9]+)`")]
    private static partial Regex TestName();
}
