using System.Diagnostics;

namespace Millpond.Bench;

/// <summary>What a cached tag's clients notice of an upstream that takes connections and never answers.</summary>
internal sealed class Outage(BenchOptions options, BenchImage image, Report report)
{
    /// <summary>Short, so that the tag is due all the time.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    public async Task MeasureAsync(string folder, Contender millpond, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "outage")).FullName;
        for (var round = 0; round < options.Rounds; round++)
        {
            var data = Directory.CreateDirectory(Path.Join(own, $"{round}")).FullName;
            using var origin = await Origin.StartAsync(Path.Join(data, "origin"), image, options);
            using var server = await Contender.StartMillpondAsync(options.Millpond, data, origin.Unpaced.Address, $"{Fresh.TotalSeconds}s");
            var address = new Uri(server.Address, millpond.ManifestPath);

            // The first for the JIT.
            await Warm.LoadManifestAsync(data, address, options.ManifestSeconds, cancellationToken);
            report.Add(Work.WarmTail, Contender.Millpond, await TailAsync(data, address, cancellationToken));
            Signal(origin.Unpaced, "-STOP");
            try
            {
                await Task.Delay(2 * Fresh, TimeProvider.System, cancellationToken);
                var first = await Download.GetAsync(server.Address, millpond.ManifestPath, cancellationToken);
                report.Add(Work.OutageFirst, Contender.Millpond, first.Whole.TotalSeconds);
                report.Add(Work.OutageTail, Contender.Millpond, await TailAsync(data, address, cancellationToken));
            }
            finally
            {
                Signal(origin.Unpaced, "-CONT");
            }
        }

        report.Divide(Work.OutageTailRatio, Work.OutageTail, Work.WarmTail, Contender.Millpond);
    }

    private async Task<double> TailAsync(string folder, Uri address, CancellationToken cancellationToken) =>
        (await Warm.LoadManifestAsync(folder, address, options.ManifestSeconds, cancellationToken)).Tail.TotalMilliseconds;

    /// <summary>A stopped process keeps its listening socket: the kernel takes connections for it, and nobody answers.</summary>
    private static void Signal(ServerProcess server, string signal)
    {
        using var kill = Process.Start("kill", [signal, .. server.Processes.Select(id => $"{id}")]);
        kill.WaitForExit();
    }
}
