using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Millpond.Rewriting.Coverage;

/// <summary>A report as JSON for programs and as Markdown for reviews.</summary>
public static class CoverageFormats
{
    public static string ToJson(CoverageReport report) => JsonSerializer.Serialize(report, CoverageJson.Readable);

    public static string ToMarkdown(CoverageReport report)
    {
        var text = new StringBuilder();
        text.AppendLine("| image | covered | tier | rewritten | why | places |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var image in report.Images)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| `{Cell(image.Reference)}` | {Covered(image)} | {image.Tier ?? "–"} | {(image.Rewritten is null ? "–" : $"`{Cell(image.Rewritten)}`")} | {Cell(image.Why)} | {image.Places.Length} |");
        }

        text.AppendLine();
        text.AppendLine("| tier | images | covered |");
        text.AppendLine("|---|---|---|");
        foreach (var (tier, share) in report.Summary.Tiers)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {Cell(tier)} | {share.Images} | {share.Covered} |");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"| all | {report.Summary.Images} | {report.Summary.Covered} |");
        if (report.NamedOnly is { } named)
        {
            text.AppendLine();
            text.AppendLine("| named, not pulled | why | where |");
            text.AppendLine("|---|---|---|");
            foreach (var mention in named)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"| `{Cell(mention.Reference)}` | {Cell(mention.Reason)} | {Cell(mention.File)}:{mention.Line} |");
            }
        }

        if (report.NotRead is { } missing)
        {
            text.AppendLine();
            text.AppendLine("| not readable | why |");
            text.AppendLine("|---|---|");
            foreach (var (what, why) in missing)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"| {Cell(what)} | {Cell(why)} |");
            }
        }

        return text.ToString();
    }

    private static string Covered(ImageCoverage image) =>
        !image.Covered ? "no" : image.Cached switch
        {
            true => "yes, cached",
            false => "yes, not cached yet",
            null => "yes",
        };

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
}

[JsonSerializable(typeof(CoverageReport))]
internal sealed partial class CoverageJson : JsonSerializerContext
{
    /// <summary>For files and terminals, not for HTML: references keep their plus signs and quotes.</summary>
    public static JsonTypeInfo<CoverageReport> Readable { get; } = new CoverageJson(new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    }).CoverageReport;
}
