using System.Globalization;
using Millpond.Rewriting.Coverage;
using Spectre.Console;

namespace Millpond.Cli;

/// <summary>A coverage report for people at a terminal.</summary>
internal static class CoverageTable
{
    /// <summary>References are long and are looked for by eye: they are not broken where the terminal is narrower than this.</summary>
    private const int Width = 200;

    public static string Draw(CoverageReport report)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = Width;
        console.Write(Images(report));
        console.Write(Summary(report.Summary));
        foreach (var (what, why) in report.NotRead ?? [])
        {
            text.WriteLine($"not readable: {what}: {why}");
        }

        return text.ToString();
    }

    private static Table Images(CoverageReport report)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("image", "covered", "rule", "why", "places");
        foreach (var image in report.Images)
        {
            var covered = image switch
            {
                { Covered: false } => "no",
                { Cached: true } => "yes, cached",
                { Cached: false } => "yes, not cached",
                _ => "yes",
            };
            var first = image.Places[0];
            var more = image.Places.Length > 1 ? $" and {image.Places.Length - 1} more" : "";
            var runs = image.Places.Select(place => place.ImageId).OfType<string>().Distinct().ToArray();
            var running = runs.Length == 0 ? "" : $" (runs {string.Join(", ", runs)})";
            table.AddRow(new Text(image.Reference), new Text(covered), new Text(image.Rule ?? "-"), new Text(image.Why), new Text($"{first}{more}{running}"));
        }

        return table;
    }

    private static Table Summary(CoverageSummary summary)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("tier", "images", "covered");
        foreach (var (tier, share) in summary.Tiers)
        {
            table.AddRow(new Text(tier), new Text(Number(share.Images)), new Text(Number(share.Covered)));
        }

        return table.AddRow(new Text("all"), new Text(Number(summary.Images)), new Text(Number(summary.Covered)));
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
