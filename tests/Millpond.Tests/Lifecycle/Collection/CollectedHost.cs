using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Push;

namespace Millpond.Tests.Lifecycle.Collection;

/// <summary>A server with one upstream whose clock the test moves, and whose collection runs when the test says so.</summary>
internal sealed class CollectedHost : IAsyncDisposable
{
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private CollectedHost(FakeUpstream upstream, MillpondHost millpond, FakeTimeProvider time) => (Upstream, Millpond, Time) = (upstream, millpond, time);

    public FakeUpstream Upstream { get; }

    public MillpondHost Millpond { get; }

    public FakeTimeProvider Time { get; }

    public CollectionServices Collection => Millpond.Server.Collection;

    public PushClient Push { get; private set; } = null!;

    public static async Task<CollectedHost> StartAsync(long? limit = null, bool allowErrors = false)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
        var upstream = await FakeUpstream.StartAsync();
        var millpond = await MillpondHost.StartAsync(upstream, new()
        {
            Time = time,
            AllowErrors = allowErrors,
            Configure = configuration => limit is null ? configuration : configuration with { Storage = configuration.Storage with { Limit = new(limit, 0), Headroom = new(0, 0) } },
        });
        return new CollectedHost(upstream, millpond, time) { Push = new PushClient(millpond, "team/app") };
    }

    /// <summary>Passes of a collector of its own, each after the one before: what one marks, a later one takes away.</summary>
    public async Task PassAsync(TimeSpan? after = null, int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            Skip(after ?? TimeSpan.Zero);
            await Collection.CollectorOf(Grace, Time).PassAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>It is later, and no timer has rung: those of weeks would ring for hours, and the server's own collection would run beside the test's.</summary>
    public void Skip(TimeSpan time) => Time.AdjustTime(Time.GetUtcNow() + time);

    /// <summary>Marks, waits for the grace to end, and takes away.</summary>
    public async Task CollectAsync()
    {
        await PassAsync();
        await PassAsync(Grace);
    }

    public bool IsStored(TestBlob blob) =>
        File.Exists(Path.Join(Millpond.DataFolder, "store", blob.Digest.Algorithm, blob.Digest.Hex[..2], blob.Digest.Hex));

    public async Task<bool> HasManifestAsync(Digest digest) => await Collection.Catalog.FindManifestAsync(digest) is not null;

    public async Task<HttpStatusCode> DeleteAsync(string path)
    {
        using var response = await Push.SendAsync(HttpMethod.Delete, path);
        return response.StatusCode;
    }

    /// <summary>Pulls it and waits until it is stored.</summary>
    public async Task PullAsync(string repository, TestImage image, string? tag = null)
    {
        await Millpond.PullAsync(repository, image, tag);
        foreach (var blob in All(image))
        {
            // Its row comes after its file.
            await Eventually.HoldsAsync(async () => IsStored(blob) && await Collection.Catalog.FindBlobAsync(blob.Digest) is not null);
        }
    }

    public static IEnumerable<TestBlob> All(TestImage image) => [.. image.Blobs, .. image.Children.SelectMany(All)];

    public async ValueTask DisposeAsync()
    {
        await Millpond.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
