using System.Globalization;
using System.Text;
using Millpond.Cli.Tables;

namespace Millpond.Cli.Warming;

/// <summary>The last words of a run: what failed and why, what was passed over, and how many are warm.</summary>
internal static class WarmSummary
{
    /// <param name="width">How many columns the terminal has; null where there is none.</param>
    public static string Write(WarmPlan plan, IReadOnlyList<WarmOutcome> outcomes, int? width)
    {
        var text = new StringBuilder();
        var failed = outcomes.Where(outcome => outcome.Failure is not null).ToArray();
        Draw(text, width, "failed", failed.Select(outcome => (outcome.Image.Given, outcome.Failure!)));
        Draw(text, width, "not pulled through the cache", plan.Others.Select(other => (other.Reference, other.Why)));
        var cached = outcomes.Count(outcome => outcome is { Failure: null, Pulled: 0 });
        return text.Append(
            CultureInfo.InvariantCulture,
            $"{outcomes.Count - failed.Length} of {outcomes.Count} images are warm ({Sizes.Text(outcomes.Sum(outcome => outcome.Bytes))} pulled, {cached} cached before), {failed.Length} failed, {plan.Others.Length} passed over.\n").ToString();
    }

    private static void Draw(StringBuilder text, int? width, string title, IEnumerable<(string Image, string Why)> rows)
    {
        var table = new TextTable(title, "why");
        foreach (var (image, why) in rows)
        {
            table.Add(image, why);
        }

        if (!table.IsEmpty)
        {
            text.Append(table.Draw(width)).Append('\n');
        }
    }
}
