using System.Globalization;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli.Editing;

/// <summary>Counts what a run on files changed and what it left alone and why: four images of six that stay must not be silence.</summary>
/// <param name="done">What was done to references: rewritten, restored.</param>
internal sealed class RunSummary(string done)
{
    private readonly Dictionary<(string Reason, string Why), int> leftAlone = [];
    private int changed;
    private int files;
    private int changedFiles;

    public void Add(FoundReference found)
    {
        if (found.IsChanged)
        {
            changed++;
        }
        else
        {
            var key = (found.Reason, found.Why);
            leftAlone[key] = leftAlone.GetValueOrDefault(key) + 1;
        }
    }

    /// <summary>References that a record has given back.</summary>
    public void AddRecorded(int count) => changed += count;

    public void AddFile(bool isChanged)
    {
        files++;
        changedFiles += isChanged ? 1 : 0;
    }

    /// <summary>Says it, unless nobody wants to know.</summary>
    public void Write(TextWriter messages, RunMode mode)
    {
        if (mode.Quiet)
        {
            return;
        }

        var left = leftAlone.Values.Sum();
        var did = mode.InPlace || mode.ToOutput ? done : $"to be {done}";
        messages.WriteLine(changed + left == 0
            ? $"millpond: no image reference in {Count(files, "file")}"
            : $"millpond: {Number(changed)} of {Count(changed + left, "image reference")} {did}, in {Number(changedFiles)} of {Count(files, "file")}");
        foreach (var (reason, count) in leftAlone.OrderByDescending(reason => reason.Value).ThenBy(reason => reason.Key.Reason, StringComparer.Ordinal))
        {
            messages.WriteLine($"  {Number(count)} left alone: {reason.Why} ({reason.Reason})");
        }

        if (left > 0 && !mode.Explain)
        {
            messages.WriteLine("  --explain names each of them, -q says nothing of this");
        }
    }

    private static string Count(int count, string what) => $"{Number(count)} {what}{(count == 1 ? "" : "s")}";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
