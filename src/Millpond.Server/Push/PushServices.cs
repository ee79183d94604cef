using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Push;

/// <summary>Pushes and deletes put together, with the sweep of uploads that were left alone.</summary>
public sealed partial class PushServices : IAsyncDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(15);

    private readonly CancellationTokenSource stopping = new();
    private readonly Uploads uploads;
    private readonly TimeProvider time;
    private readonly ILogger<PushServices> log;
    private readonly Task sweeping;

    /// <summary>Takes up the uploads of an earlier run.</summary>
    public PushServices(PushConfiguration configuration, BlobStore store, CatalogDatabase catalog, TimeProvider time, MillpondMetrics metrics, ILoggerFactory logs)
    {
        this.time = time;
        log = logs.CreateLogger<PushServices>();
        uploads = new Uploads(store, configuration, time, logs.CreateLogger<Uploads>());
        Blobs = new BlobPush(uploads, store, catalog, time, logs.CreateLogger<BlobPush>());
        Manifests = new ManifestPush(catalog, configuration, time, logs.CreateLogger<ManifestPush>());
        Deletion = new ContentDeletion(catalog, configuration);
        metrics.Observe("millpond.uploads", null, "Uploads under way.", () => [new Measurement<long>(uploads.Count)]);
        metrics.Observe("millpond.uploads.bytes", "By", "Bytes of uploads under way.", () => [new Measurement<long>(store.Disk.Uploaded)]);
        sweeping = SweepAsync();
    }

    public BlobPush Blobs { get; }

    public ManifestPush Manifests { get; }

    public ContentDeletion Deletion { get; }

    /// <summary>Uploads are kept; the next start goes on with them.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await sweeping;
        uploads.Dispose();
        stopping.Dispose();
    }

    private async Task SweepAsync()
    {
        try
        {
            while (true)
            {
                await TrySweepAsync();
                await Task.Delay(SweepEvery, time, stopping.Token);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // That is how it ends.
        }
    }

    private async Task TrySweepAsync()
    {
        try
        {
            await uploads.SweepAsync();
        }
        catch (Exception failure)
        {
            Log.SweepFailed(log, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1831, LogLevel.Error, "Uploads that were left alone could not be swept; it is tried again in a quarter of an hour")]
        public static partial void SweepFailed(ILogger logger, Exception exception);
    }
}
