using System.Collections.Concurrent;
using System.Text;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Conformance;

/// <summary>One thing that was looked at, and what was wrong with it.</summary>
internal sealed record Finding(Api Api, string Scenario, string What, string? Failure);

/// <summary>What all scenarios have found, as one table by API.</summary>
internal sealed class ConformanceTable
{
    private readonly ConcurrentQueue<Finding> findings = new();

    public IReadOnlyList<Finding> Findings => [.. findings];

    public IReadOnlyList<Finding> Failures => [.. findings.Where(finding => finding.Failure is not null)];

    public void Add(Finding finding) => findings.Enqueue(finding);

    public string ToMarkdown()
    {
        var text = new StringBuilder("| API | checks | passed | failed |\n|---|---|---|---|\n");
        foreach (var group in findings.GroupBy(finding => finding.Api).OrderBy(group => group.Key))
        {
            var failed = group.Count(finding => finding.Failure is not null);
            text.Append(null, $"| {ApiNames.NameOf(group.Key)} | {group.Count()} | {group.Count() - failed} | {(failed == 0 ? "0" : $"**{failed}**")} |\n");
        }

        text.Append(null, $"| all | {findings.Count} | {findings.Count - Failures.Count} | {Failures.Count} |\n");
        foreach (var finding in Failures.OrderBy(finding => finding.Api).ThenBy(finding => finding.Scenario, StringComparer.Ordinal))
        {
            text.Append(null, $"\n- {ApiNames.NameOf(finding.Api)}, {finding.Scenario}: {finding.What}: {finding.Failure}");
        }

        return text.ToString();
    }

    /// <summary>Writes the table beside the other results of a run, and to the test's output.</summary>
    public void Publish(string name)
    {
        var folder = Directory.CreateDirectory(Path.Join(SourceTree.Top, "artifacts/test-results"));
        var text = ToMarkdown();
        File.WriteAllText(Path.Join(folder.FullName, $"conformance-{name}.md"), text);
        TestContext.Current.TestOutputHelper?.WriteLine(text);
    }
}
