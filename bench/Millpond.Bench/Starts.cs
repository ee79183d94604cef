namespace Millpond.Bench;

/// <summary>What a fresh process takes: until it answers, until its first blob comes, and how much memory.</summary>
internal sealed class Starts(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private const int Images = 100_000;

    /// <summary>Without an upstream: nothing is measured but the program's own.</summary>
    private const string Question = "/v2/";

    /// <summary>After the first answer: the first pull is seldom in the same instant.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    public async Task MeasureAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        var full = Directory.CreateDirectory(Path.Join(folder, "full")).FullName;
        using (await Contender.StartMillpondAsync(options.Millpond, full, origin.Unpaced.Address, "24h"))
        {
            // Only for the catalog's schema.
        }

        FullCatalog.Fill(Path.Join(full, "data", "catalog"), Images, repositories: 500, origin: 1);
        for (var round = 0; round < options.Rounds; round++)
        {
            var straight = await Download.GetAsync(origin.Paced, $"/v2/{BenchImage.Repository}/blobs/{image.Small.Digest}", cancellationToken);
            report.Add(Work.FreshFirstByte, Report.Straight, straight.FirstByte.TotalMilliseconds);
            foreach (var contender in contenders)
            {
                await MeasureAsync(folder, contender, cancellationToken);
            }

            var start = TimeProvider.System.GetTimestamp();
            using var server = await Contender.StartMillpondAsync(options.Millpond, full, origin.Unpaced.Address, "24h");
            await Download.GetAsync(server.Address, Question, cancellationToken);
            report.Add(Work.FullStartTime, Contender.Millpond, TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        }
    }

    private async Task MeasureAsync(string folder, Contender contender, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, $"{contender.Name.Replace(' ', '-')}-start")).FullName;
        try
        {
            var start = TimeProvider.System.GetTimestamp();
            using var server = await contender.StartAsync(own, origin.Paced);
            await Download.GetAsync(server.Address, Question, cancellationToken);
            report.Add(Work.StartTime, contender.Name, TimeProvider.System.GetElapsedTime(start).TotalSeconds);
            await Task.Delay(Rest, TimeProvider.System, cancellationToken);
            report.Add(Work.MemoryIdle, contender.Name, server.MemoryMegabytes);
            var first = await Download.GetAsync(server.Address, contender.BlobPath(image.Small), cancellationToken);
            report.Add(Work.FreshFirstByte, contender.Name, first.FirstByte.TotalMilliseconds);
        }
        finally
        {
            Directory.Delete(own, recursive: true);
        }
    }
}
