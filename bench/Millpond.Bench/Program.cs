using Millpond.Bench;

if (args is [EmptyEndpoint.Flag, var port, var certificate])
{
    await EmptyEndpoint.RunAsync(int.Parse(port, null), certificate);
    return;
}

var options = BenchOptions.Parse(args);
var folder = Directory.CreateTempSubdirectory("millpond-bench-").FullName;
using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(30), TimeProvider.System);
try
{
    var report = new Report(options);
    if (options.WantsGrowth || BenchOptions.PullWork.Any(options.Wants))
    {
        await MeasurePullsAsync(report);
    }

    if (options.Wants("admit"))
    {
        await new Reviews(options, report).MeasureAsync(folder, limit.Token);
    }

    if (options.Wants("rewrite"))
    {
        await new Rewrites(options, report).MeasureAsync(folder, limit.Token);
    }

    if (report.HasAny)
    {
        Console.WriteLine(report.ToMarkdown());
    }

    if (report.HasAny && options.History is { } history)
    {
        var heading = File.Exists(history) ? "" : Report.HistoryHeading() + "\n";
        File.AppendAllText(history, heading + report.ToHistoryLine(DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime)) + "\n");
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

async Task MeasurePullsAsync(Report report)
{
    var image = BenchImage.Write(Path.Join(folder, "image"), options);
    using var origin = await Origin.StartAsync(Path.Join(folder, "origin"), image, options);
    var contenders = Contender.All(options);
    if (options.WantsGrowth)
    {
        Console.WriteLine(await new Growth(options, origin).MeasureAsync(folder, limit.Token));
    }

    if (options.Wants("start"))
    {
        await new Starts(options, image, origin, report).MeasureAsync(folder, contenders, limit.Token);
    }

    if (options.Wants("warm-manifest") || options.Wants("warm-blob") || options.Wants("warm-small"))
    {
        await new Warm(options, image, origin, report).MeasureAsync(folder, contenders, limit.Token);
    }

    if (options.Wants("tls"))
    {
        await new OverTls(options, image, origin, report).MeasureAsync(folder, limit.Token);
    }

    var cold = new Cold(options, image, origin, report);
    if (options.Wants("layers"))
    {
        await cold.MeasureFirstBytesAsync(folder, contenders, limit.Token);
    }

    if (options.Wants("cold"))
    {
        await cold.MeasureOneAsync(folder, contenders, limit.Token);
    }

    if (options.Wants("many"))
    {
        await cold.MeasureManyAsync(folder, contenders, limit.Token);
    }

    if (options.Wants("outage"))
    {
        await new Outage(options, image, report).MeasureAsync(folder, contenders[0], limit.Token);
    }

    if (options.Wants("token"))
    {
        await new Logins(options, origin, report).MeasureAsync(folder, limit.Token);
    }

    if (options.Wants("collection"))
    {
        await new Collecting(options, origin, report).MeasureAsync(folder, contenders[0], limit.Token);
    }

    if (options.Wants("push"))
    {
        await new Push(options, image, origin, report).MeasureAsync(folder, contenders, limit.Token);
    }
}
