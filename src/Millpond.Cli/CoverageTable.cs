using System.Globalization;
using System.Text;
using Millpond.Cli.Tables;
using Millpond.Rewriting.Coverage;
using Millpond.Server.Telemetry;

namespace Millpond.Cli;

/// <summary>A coverage report for people at a terminal.</summary>
internal static class CoverageTable
{
    /// <param name="width">How many columns the terminal has; null where there is none.</param>
    public static string Draw(CoverageReport report, int? width)
    {
        var text = new StringBuilder();
        var images = Images(report);
        if (!images.IsEmpty)
        {
            text.Append(images.Draw(width)).Append('\n');
        }

        text.Append(Summary(report.Summary).Draw(width));
        var remedies = Remedies(report);
        if (!remedies.IsEmpty)
        {
            text.Append('\n').Append(remedies.Draw(width));
        }

        foreach (var (what, why) in report.NotRead ?? [])
        {
            text.Append(VisibleText.Of($"not readable: {what}: {why}")).Append('\n');
        }

        return text.ToString();
    }

    private static TextTable Images(CoverageReport report)
    {
        var table = new TextTable("image", "covered", "rule", "why", "places");
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
            table.Add(image.Reference, covered, image.Rule ?? "-", image.Why, $"{first}{more}{running}");
        }

        return table;
    }

    private static TextTable Summary(CoverageSummary summary)
    {
        var table = new TextTable("tier", "images", "covered");
        foreach (var (tier, share) in summary.Tiers)
        {
            table.Add(tier, Number(share.Images), Number(share.Covered));
        }

        table.Add("all", Number(summary.Images), Number(summary.Covered));
        return table;
    }

    private static TextTable Remedies(CoverageReport report)
    {
        var table = new TextTable("not covered", "images", "what would cover them");
        foreach (var group in report.Images.Where(image => !image.Covered).GroupBy(image => (image.Reason, Remedy: Remedy.Of(image))))
        {
            table.Add(group.Key.Reason, Number(group.Count()), group.Key.Remedy);
        }

        return table;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
