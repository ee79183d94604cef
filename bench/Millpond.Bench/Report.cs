using System.Globalization;
using System.Text;

namespace Millpond.Bench;

internal enum Work
{
    WarmManifestRate,
    WarmManifestCpu,
    DigestManifestRate,
    DigestManifestTail,
    ManyManifestRate,
    ManyManifestTail,
    SmallBlobRate,
    SmallBlobTail,
    WarmBlobCpu,
    WarmBlobSpeed,
    TlsBlobCpu,
    TlsBlobSpeed,
    StartTime,
    FullStartTime,
    FreshFirstByte,
    MemoryIdle,
    MemoryAfter,
    LayerFirstByte,
    ColdTime,
    ColdFirstByte,
    ColdCpu,
    ManyUpstream,
    ManyFirstByte,
    ManyTime,
    WarmTail,
    OutageFirst,
    OutageTail,
    OutageTailRatio,
    PushTime,
    PushCpu,
    OpenManifestRate,
    TokenManifestRate,
    TokenManifestRatio,
    CollectionWithout,
    CollectionDuring,
    CollectionRatio,
    CallRate,
    CallCpu,
    ReviewRate,
    ReviewTail,
    ReviewCpu,
    LargeReviewRate,
    LargeReviewTail,
    LargeReviewCpu,
    ReviewMistakes,
    RewriteSpeed,
}

/// <summary>Collects what was measured and prints it as Markdown: the medians, and the ratios beside their bounds.</summary>
internal sealed class Report(BenchOptions options)
{
    public const string Static = "nginx static";
    public const string Straight = "straight";

    /// <summary>What nginx's cache costs, and beside it SHA-256 of the same bytes.</summary>
    public const string NginxHashing = "nginx + hashing";

    private static readonly string[] all = [Contender.Millpond, Contender.Before, Contender.DockerRegistry, Contender.Nginx, Contender.Slices, Contender.Varnish, NginxHashing, Static, Straight, Contender.Empty, Rewrites.Yq];

    private readonly Dictionary<(Work Work, string Name), List<double>> values = [];

    /// <summary>Whether anything was measured that stands in it.</summary>
    public bool HasAny => values.Count > 0;

    public void Add(Work work, string name, double value)
    {
        if (!values.TryGetValue((work, name), out var list))
        {
            values[(work, name)] = list = [];
        }

        list.Add(value);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{work,-18} {name,-18} {value:0.####}"));
    }

    /// <summary>The quotient of each round, where rounds differ more than what is compared in one.</summary>
    public void Divide(Work quotient, Work work, Work by, string name)
    {
        foreach (var (value, other) in values[(work, name)].Zip(values[(by, name)]))
        {
            Add(quotient, name, value / other);
        }
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine("# Side by side, on one machine in one run");
        text.AppendLine();
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} processors shared by servers, upstream and clients; loopback; blob {options.BlobSize >> 20} MiB, {options.ColdClients} clients at {options.SharedBlobSize >> 20} MiB; upstream {options.Pace / 1_000_000} MB/s per connection; medians of {options.Rounds} rounds (least–most); nobody writes access logs."));
        text.AppendLine();
        var columns = all.Where(name => values.Keys.Any(key => key.Name == name)).ToList();
        text.AppendLine("| measured | " + string.Join(" | ", columns) + " |");
        text.AppendLine("|---|" + string.Concat(columns.Select(_ => "---|")));
        foreach (var work in Enum.GetValues<Work>().Where(work => columns.Any(name => values.ContainsKey((work, name)))))
        {
            text.AppendLine($"| {NameOf(work)} | " + string.Join(" | ", columns.Select(name => ShowWithSpread(work, name))) + " |");
        }

        text.AppendLine();
        AppendBounds(text, Bound.All, "ratio");
        if (options.Before is not null)
        {
            text.AppendLine();
            AppendBounds(text, Bound.Regressions, "÷ the program before");
        }

        return text.ToString();
    }

    /// <summary>A line for the history: ratios of one run, which compare across machines where absolutes do not.</summary>
    public string ToHistoryLine(DateOnly day) =>
        string.Create(CultureInfo.InvariantCulture, $"| {day:yyyy-MM-dd} | {options.Commit} | ")
        + string.Join(" | ", Bound.All.Select(bound => Show(RatioOf(bound)))) + " |";

    /// <summary>The heading of the history.</summary>
    public static string HistoryHeading() =>
        "# Ratios of runs\n\nEach line is one run of `bench/run.sh --history`, newest last; what a column means stands in RESULTS.md. Empty: not measured then.\n\n"
        + "| date | commit | " + string.Join(" | ", Bound.All.Select(bound => $"{bound.Name} ({bound.Sign} {Show(bound.Limit)})")) + " |\n"
        + "|---|---|" + string.Concat(Bound.All.Select(_ => "---|"));

    private void AppendBounds(StringBuilder text, IReadOnlyList<Bound> bounds, string heading)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"| {heading} | bound | measured | |");
        text.AppendLine("|---|---|---|---|");
        foreach (var bound in bounds)
        {
            if (RatioOf(bound) is { } found)
            {
                text.AppendLine($"| {bound.Name} | {bound.Sign} {Show(bound.Limit)} | {Show(found)} | {(bound.IsMet(found) ? "met" : "**missed**")} |");
            }
        }
    }

    private double? RatioOf(Bound bound) =>
        Median(bound.Work, Contender.Millpond) / (bound.Against is { } other ? Median(bound.Work, other) : 1);

    private static string NameOf(Work work) => work switch
    {
        Work.WarmManifestRate => "warm manifest by tag, requests/s, 32 connections",
        Work.WarmManifestCpu => "the same, server CPU µs each",
        Work.DigestManifestRate => "warm manifest by digest, requests/s, 32 connections",
        Work.DigestManifestTail => "the same, p99, ms",
        Work.ManyManifestRate => "warm manifest by tag, requests/s, 256 connections",
        Work.ManyManifestTail => "the same, p99, ms",
        Work.SmallBlobRate => "warm blobs of 64 KiB, requests/s, 32 connections",
        Work.SmallBlobTail => "the same, p99, ms",
        Work.TlsBlobCpu => "warm blob over TLS, 8 connections, server CPU s/GB",
        Work.TlsBlobSpeed => "the same, GB/s",
        Work.StartTime => "start to the first answer, new data folder, s",
        Work.FullStartTime => "the same, 100,000 images in the catalog, s",
        Work.FreshFirstByte => "first byte of the first blob of a fresh process, ms",
        Work.MemoryIdle => "memory of a fresh process, MB",
        Work.MemoryAfter => "memory after the warm rows, MB",
        Work.WarmBlobCpu => "warm blob, 8 connections, server CPU s/GB",
        Work.WarmBlobSpeed => "the same, GB/s",
        Work.LayerFirstByte => "cold layers one after the other, first byte of each, ms",
        Work.ColdTime => "cold blob, paced upstream, s",
        Work.ColdFirstByte => "the same, first byte (one of each round, the disk still at what was written and deleted before), ms",
        Work.ColdCpu => "the same, server CPU s/GB",
        Work.ManyUpstream => "many cold clients, upstream bytes ÷ blob size",
        Work.ManyFirstByte => "the same, slowest first byte ÷ whole time",
        Work.ManyTime => "the same, whole time, s",
        Work.WarmTail => "warm manifest by a tag that is due every second, p99, ms",
        Work.OutageFirst => "the same, upstream black-holed: first answer, s",
        Work.OutageTail => "the same, p99 after it, ms",
        Work.OutageTailRatio => "the same ÷ the p99 before, round by round",
        Work.PushTime => "pushing a blob, s",
        Work.PushCpu => "the same, server CPU s/GB",
        Work.OpenManifestRate => "warm manifest by tag, token mode, a rule for all, requests/s",
        Work.TokenManifestRate => "the same, with a token",
        Work.TokenManifestRatio => "with a token ÷ without, round by round",
        Work.CollectionWithout => "warm manifest requests/s beside 100,000 images, before collection",
        Work.CollectionDuring => "the same, while collection takes 40,000 of them away",
        Work.CollectionRatio => "while collection runs ÷ before, round by round",
        Work.CallRate => "signed calls of the control plane, requests/s, 32 connections",
        Work.CallCpu => "the same, server CPU µs each",
        Work.ReviewRate => "reviews of pods over TLS, requests/s, 64 connections",
        Work.ReviewTail => "the same, p99, ms",
        Work.ReviewCpu => "the same, server CPU µs each",
        Work.LargeReviewRate => "reviews of 1 MB over TLS, requests/s, 64 connections",
        Work.LargeReviewTail => "the same, p99, ms",
        Work.LargeReviewCpu => "the same, server CPU µs each",
        Work.ReviewMistakes => "6,400 different reviews by 64 callers, wrong answers",
        Work.RewriteSpeed => "a repository of manifests (7,000 files, 60 MB) looked through, MB/s",
    };

    private static string Show(double? value) => value switch
    {
        null => "",
        >= 100 => value.Value.ToString("#,0", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("0.0##", CultureInfo.InvariantCulture),
    };

    /// <summary>The median, and beside it the least and the most of the rounds.</summary>
    private string ShowWithSpread(Work work, string name) =>
        Median(work, name) is { } median && values[(work, name)] is { Count: > 1 } all
            ? $"{Show(median)} ({Show(all.Min())}–{Show(all.Max())})"
            : Show(Median(work, name));

    private double? Median(Work work, string name)
    {
        if (!values.TryGetValue((work, name), out var list))
        {
            return null;
        }

        return Median(list);
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
