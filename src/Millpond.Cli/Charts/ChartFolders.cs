using System.Collections.Concurrent;
using Millpond.Cli.Editing;
using Millpond.Rewriting.Charts;

namespace Millpond.Cli.Charts;

/// <summary>
/// Finds the chart that a file of values is for: the folder with <c>Chart.yaml</c> that it is in, or that its folder is in (<c>ci/</c>). Each is read
/// once in a run: what a run has changed meanwhile says nothing about what was there when it began.
/// </summary>
internal sealed class ChartFolders
{
    private const string Sign = "Chart.yaml";

    private readonly ConcurrentDictionary<string, Lazy<Chart?>> charts = new(StringComparer.Ordinal);

    /// <summary>Null where the file is for no chart that is at hand, or the chart is too much to be read.</summary>
    public Chart? Of(string file)
    {
        if (file == FileSelection.StandardInput || Path.GetDirectoryName(Path.GetFullPath(file)) is not { } folder)
        {
            return null;
        }

        return charts.GetOrAdd(folder, near => new(() => Read(near))).Value;
    }

    private Chart? Read(string folder)
    {
        if (File.Exists(Path.Join(folder, Sign)))
        {
            return ReadChart(folder);
        }

        return Path.GetDirectoryName(folder) is { } around && File.Exists(Path.Join(around, Sign))
            ? charts.GetOrAdd(around, near => new(() => ReadChart(near))).Value
            : null;
    }

    private static Chart? ReadChart(string folder)
    {
        try
        {
            return Chart.Read(new ChartReader(folder).Read());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            // It is only asked for what it can say. The file that it is for is told as one without.
            return null;
        }
    }
}
