using System.Globalization;
using Spectre.Console;

namespace Millpond.Cli.Warming;

/// <summary>The last words of a run: what failed and why, what was passed over, and how many are warm.</summary>
internal static class WarmSummary
{
    /// <summary>References are long and are looked for by eye: they are not broken where the terminal is narrower than this.</summary>
    private const int Width = 200;

    public static string Write(WarmPlan plan, IReadOnlyList<WarmOutcome> outcomes)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = Width;
        var failed = outcomes.Where(outcome => outcome.Failure is not null).ToArray();
        Table(console, "failed", failed.Select(outcome => (outcome.Image.Reference, outcome.Failure!)));
        Table(console, "not pulled through the cache", plan.Others.Select(other => (other.Reference, other.Why)));
        var cached = outcomes.Count(outcome => outcome is { Failure: null, Pulled: 0 });
        text.WriteLine(
            $"{outcomes.Count - failed.Length} of {outcomes.Count} images are warm ({Sizes.Text(outcomes.Sum(outcome => outcome.Bytes))} pulled, {cached} cached before), {failed.Length} failed, {plan.Others.Length} passed over.");
        return text.ToString();
    }

    private static void Table(IAnsiConsole console, string title, IEnumerable<(string Image, string Why)> rows)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns(title, "why");
        foreach (var (image, why) in rows)
        {
            table.AddRow(new Text(image), new Text(why));
        }

        if (table.Rows.Count > 0)
        {
            console.Write(table);
        }
    }
}
