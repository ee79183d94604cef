using System.Diagnostics;
using System.Security.Cryptography;

namespace Millpond.Bench;

/// <summary>What is not cached yet: one client of a paced upstream, and many at once.</summary>
internal sealed class Cold(BenchOptions options, BenchImage image, Origin origin, Report report)
{
    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(30);

    public async Task MeasureOneAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        for (var round = 0; round < options.Rounds; round++)
        {
            var straight = await Download.GetAsync(origin.Paced, $"/v2/{BenchImage.Repository}/blobs/{image.Big.Digest}", cancellationToken);
            report.Add(Work.ColdTime, Report.Straight, straight.Whole.TotalSeconds);
            report.Add(Work.ColdFirstByte, Report.Straight, straight.FirstByte.TotalMilliseconds);
            var hashing = HashingCpu();

            foreach (var contender in contenders.InTurn(round))
            {
                await WithEmptyAsync(folder, contender, async server =>
                {
                    RecycleMemory(folder);
                    var before = server.CpuSeconds;
                    var pull = await Download.GetAsync(server.Address, contender.BlobPath(image.Big), cancellationToken);
                    report.Add(Work.ColdTime, contender.Name, pull.Whole.TotalSeconds);
                    report.Add(Work.ColdFirstByte, contender.Name, pull.FirstByte.TotalMilliseconds);
                    var cpu = (server.CpuSeconds - before) / image.Big.Gigabytes;
                    report.Add(Work.ColdCpu, contender.Name, cpu);
                    if (contender.Name == Contender.Nginx)
                    {
                        report.Add(Work.ColdCpu, Report.NginxHashing, cpu + hashing);
                    }
                });
            }
        }
    }

    /// <summary>
    /// How long the first byte of a cold layer takes, layer by layer as they are pulled after their manifest; straight from the upstream before each, since a machine's
    /// moment decides as much as a server. The median of all layers is what a round says.
    /// </summary>
    public async Task MeasureFirstBytesAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        for (var round = 0; round < options.Rounds; round++)
        {
            var straight = new List<double>();
            foreach (var contender in contenders.InTurn(round))
            {
                await WithEmptyAsync(folder, contender, async server =>
                {
                    await Download.GetAsync(server.Address, contender.SecondManifestPath, cancellationToken);
                    var own = new List<double>();
                    foreach (var layer in image.Layers)
                    {
                        straight.Add(await FirstByteAsync(origin.Paced, $"/v2/{BenchImage.Repository}/blobs/{layer.Digest}", cancellationToken));
                        own.Add(await FirstByteAsync(server.Address, contender.BlobPath(layer), cancellationToken));
                    }

                    report.Add(Work.LayerFirstByte, contender.Name, Report.Median(own));
                });
            }

            report.Add(Work.LayerFirstByte, Report.Straight, Report.Median(straight));
        }
    }

    public async Task MeasureManyAsync(string folder, IReadOnlyList<Contender> contenders, CancellationToken cancellationToken)
    {
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var contender in contenders.InTurn(round))
            {
                await WithEmptyAsync(folder, contender, async server =>
                {
                    RecycleMemory(folder);
                    var sent = origin.BlobBytesSent;
                    var path = contender.BlobPath(image.Shared);
                    var pulls = await Task.WhenAll(Enumerable.Range(0, options.ColdClients)
                        .Select(_ => Task.Run(() => Download.GetAsync(server.Address, path, cancellationToken), cancellationToken)));
                    var whole = pulls.Max(pull => pull.Whole);
                    report.Add(Work.ManyFirstByte, contender.Name, pulls.Max(pull => pull.FirstByte) / whole);
                    report.Add(Work.ManyTime, contender.Name, whole.TotalSeconds);
                    report.Add(Work.ManyUpstream, contender.Name, (origin.BlobBytesSent - sent) / (double)image.Shared.Size);
                });
            }
        }
    }

    private static async Task<double> FirstByteAsync(Uri server, string path, CancellationToken cancellationToken)
    {
        // What was written down of the one before is over.
        await Task.Delay(Settled, cancellationToken);
        return (await Download.GetAsync(server, path, cancellationToken)).FirstByte.TotalMilliseconds;
    }

    /// <summary>Seconds of CPU for SHA-256 of a gigabyte, in blocks as they come from a socket, nothing else running.</summary>
    private static double HashingCpu()
    {
        const int Blocks = 1024;
        var block = new byte[256 * 1024];
        Random.Shared.NextBytes(block);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var watch = Stopwatch.StartNew();
        for (var count = 0; count < Blocks; count++)
        {
            hash.AppendData(block);
        }

        return watch.Elapsed.TotalSeconds / ((double)Blocks * block.Length / 1e9);
    }

    /// <summary>A contender that has the manifest and one small blob, nothing of the others: what is measured is a pull, not the start of a runtime.</summary>
    private async Task WithEmptyAsync(string folder, Contender contender, Func<ServerProcess, Task> measure)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, $"{contender.Name.Replace(' ', '-')}-cold")).FullName;
        try
        {
            using var server = await contender.StartAsync(own, origin.Paced);
            await Download.GetAsync(server.Address, contender.ManifestPath, CancellationToken.None);
            await Download.GetAsync(server.Address, contender.BlobPath(image.Small), CancellationToken.None);
            await measure(server);
        }
        finally
        {
            Directory.Delete(own, recursive: true);
        }
    }

    /// <summary>A virtual machine's host gives memory at its first touch, which costs three times the copy into it: let that have happened before.</summary>
    private void RecycleMemory(string folder)
    {
        var path = Path.Join(folder, "recycled");
        var block = new byte[1 << 20];
        using (var file = File.Create(path, bufferSize: 0))
        {
            for (var left = 2 * options.BlobSize; left > 0; left -= block.Length)
            {
                file.Write(block);
            }
        }

        File.Delete(path);
    }
}
