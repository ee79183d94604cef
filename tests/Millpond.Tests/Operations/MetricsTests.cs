using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Millpond.Server.Operations;
using Millpond.Server.Telemetry;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

/// <summary>Names, types and labels of the metrics are an interface: <c>docs/operations.md</c> has the table, a real scrape must say the same.</summary>
public sealed partial class MetricsTests
{
    [Fact]
    public async Task What_is_scraped_is_what_the_documentation_says()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { RateLimit = 100 });
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        await millpond.PullAsync("up/a", image, "latest");
        var served = Parse(await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/metrics")));

        // What only happens on a full disk, or in a cluster, is recorded by hand.
        var recorded = Parse(await ScrapeAsync(metrics =>
        {
            metrics.FillEnded("u", "stored");
            metrics.PassedThrough("u");
            metrics.Evicted(1);
            metrics.ImagesLeft("expired", 1);
            metrics.Collected(1, 1, 1, 1);
            metrics.Scrubbed("refilled");
            metrics.Review("rewritten");
            metrics.ConnectionRefused();
            metrics.ListCut("tags");
            metrics.Write("push", "pushed");
            metrics.Call("ecr", "ok");
        }));
        var scraped = served.Concat(recorded).GroupBy(row => row.Key).ToDictionary(rows => rows.Key, rows => rows.First().Value);
        Assert.Equal(Sorted(Documented()), Sorted(scraped));
    }

    [Fact]
    public async Task A_pull_is_counted_by_kind_rule_and_result()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a", TestImages.OnePlatform(), "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        (await millpond.ManifestAsync("up/a", "latest")).Dispose();
        (await millpond.ManifestAsync("up/a", "latest")).Dispose();
        (await millpond.ManifestAsync("up/a", "absent")).Dispose();
        (await millpond.ManifestAsync("none/a", "latest")).Dispose();
        var text = await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/metrics"));
        Assert.Contains("""millpond_pulls_total{kind="manifest",result="miss",rule="up"} 1""", text, StringComparison.Ordinal);
        Assert.Contains("""millpond_pulls_total{kind="manifest",result="hit",rule="up"} 1""", text, StringComparison.Ordinal);
        Assert.Contains("""millpond_pulls_total{kind="manifest",result="manifest_unknown",rule="up"} 1""", text, StringComparison.Ordinal);
        Assert.Contains("""millpond_pulls_total{kind="manifest",result="no_rule",rule="none"} 1""", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_are_counted_by_rule_and_answers_timed_by_kind_and_result()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        await millpond.PullAsync("up/a", image, "latest");
        await millpond.PullAsync("up/a", image, "latest");
        var text = await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/metrics"));
        var bytes = image.Blobs.Sum(blob => blob.Length);
        Assert.Contains($"millpond_served_bytes_total{{rule=\"up\"}} {2 * bytes}\n", text, StringComparison.Ordinal);
        Assert.Contains($"millpond_upstream_bytes_total{{rule=\"up\",upstream=\"{upstream.Address.Authority}\"}} {bytes}\n", text, StringComparison.Ordinal);
        Assert.Contains("millpond_pulls_duration_seconds_count{kind=\"manifest\",result=\"miss\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("millpond_pulls_duration_seconds_count{kind=\"blob\",result=\"miss\"} ", text, StringComparison.Ordinal);
        Assert.Contains("millpond_pulls_duration_seconds_bucket{kind=\"manifest\",result=\"hit\",le=\"0.0005\"}", text, StringComparison.Ordinal);
        Assert.Matches("millpond_disk_limit_bytes\\{\\} [1-9]", text);
        Assert.Matches("millpond_disk_used_bytes\\{\\} [1-9]", text);
        Assert.Matches("millpond_build_info\\{[^}]*version=\"[0-9]", text);
    }

    [Fact]
    public async Task Two_servers_in_one_process_count_for_themselves()
    {
        using var other = new MillpondMetrics();
        other.Evicted(5);
        Assert.DoesNotContain("millpond_evicted", await ScrapeAsync(_ => { }), StringComparison.Ordinal);
    }

    private static async Task<string> ScrapeAsync(Action<MillpondMetrics> record)
    {
        using var metrics = new MillpondMetrics();
        using var scrape = new MetricsScrape(metrics);
        record(metrics);
        await using var services = new ServiceCollection().AddLogging().BuildServiceProvider();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = services };
        context.Request.Method = "GET";
        context.Response.Body = body;
        await scrape.Build(services)(context);
        return System.Text.Encoding.UTF8.GetString(body.ToArray());
    }

    /// <summary>Name → type and labels, of our own metrics.</summary>
    private static Dictionary<string, string> Parse(string text)
    {
        var types = TypeLine().Matches(text).ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        var found = new Dictionary<string, string>();
        foreach (Match sample in SampleLine().Matches(text))
        {
            // A histogram's samples are named after its parts; the bound of a bucket is no label of ours.
            var name = types.ContainsKey(sample.Groups[1].Value) ? sample.Groups[1].Value : HistogramPart().Replace(sample.Groups[1].Value, "");
            var labels = LabelName().Matches(sample.Groups[2].Value).Select(label => label.Groups[1].Value).Where(label => label != "le").Order();
            found[name] = $"{types[name]} {string.Join(' ', labels)}".Trim();
        }

        return found;
    }

    private static Dictionary<string, string> Documented()
    {
        var rows = DocumentedRow().Matches(File.ReadAllText(Path.Join(Architecture.SourceTree.Top, "docs", "operations.md")));
        return rows.ToDictionary(
            row => row.Groups[1].Value,
            row => $"{row.Groups[2].Value} {string.Join(' ', LabelInDocument().Matches(row.Groups[3].Value).Select(label => label.Groups[1].Value).Order())}".Trim());
    }

    private static IEnumerable<string> Sorted(Dictionary<string, string> metrics) =>
        metrics.Select(metric => $"{metric.Key}: {metric.Value}").Order(StringComparer.Ordinal);

    [GeneratedRegex("^# TYPE (millpond_[a-z_]+) ([a-z]+)", RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    [GeneratedRegex("^(millpond_[a-z_]+)(\\{[^}]*\\})? ", RegexOptions.Multiline)]
    private static partial Regex SampleLine();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramPart();

    [GeneratedRegex("([a-z_]+)=\"")]
    private static partial Regex LabelName();

    [GeneratedRegex("^\\| `(millpond_[a-z_]+)` \\| (\\w+) \\|([^|]*)\\|", RegexOptions.Multiline)]
    private static partial Regex DocumentedRow();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex LabelInDocument();
}
