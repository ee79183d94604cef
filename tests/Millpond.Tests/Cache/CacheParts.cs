using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>The parts of the cache, without a server before them: for moments that cannot be steered from outside.</summary>
internal sealed class CacheParts : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly LoggerFactory logs;
    private readonly MillpondMetrics metrics = new();
    private readonly TimeProvider time;
    private readonly PullThroughRule[] rules;

    public CacheParts(FakeUpstream upstream, TimeProvider? time = null, Func<PullThroughRule, PullThroughRule>? change = null, DiskSpace? disk = null, Dialect? dialect = null)
    {
        this.time = time ?? TimeProvider.System;
        logs = new LoggerFactory([Log]);
        rules = [Change("up"), Change("other")];
        Upstreams = new GovernedUpstreams(
            rules, rule => new UpstreamClient(rule, new UpstreamCredentials(), this.time, logs.CreateLogger<UpstreamClient>()), this.time, metrics, logs,
            stopping.Token);
        Store = new BlobStore(folder.File("store"), folder.File("staging"), "boot", disk ?? new DiskSpace(() => (1L << 50, 1L << 50), size => size, _ => 0));
        Directory.CreateDirectory(folder.File("catalog"));
        Catalog = CatalogDatabase.Open(folder.File("catalog"), dialect ?? Dialect.Sqlite, this.time, logs.CreateLogger<CatalogDatabase>());
        Known = new KnownBlobs(Catalog);
        Negative = new NegativeCache(new NegativeCacheConfiguration(), this.time);
        var eviction = new Eviction(Store, Catalog, Known, metrics, logs.CreateLogger<Eviction>());
        var workshop = new FillWorkshop(Upstreams, Store, Catalog, eviction, Negative, Known, this.time, metrics, logs.CreateLogger<FillWorkshop>());
        Fills = new Fills(workshop, 4, 64 << 20, this.time, stopping.Token);
        Adoption = new Adoption(Store, Fills, Catalog, Known, this.time, logs.CreateLogger<Adoption>());
        Blobs = new BlobPull(Upstreams, Fills, Store, Adoption, Catalog, Known, Negative, this.time, metrics, stopping.Token);

        Memory = new ManifestMemory(Catalog);
        Fetch = new ManifestFetch(
            Upstreams, Memory, Known, Negative, Catalog, new CompletionQueue(), this.time, logs.CreateLogger<ManifestFetch>(), stopping.Token);
        var freshness = new Freshness(this.time);
        Check = new TagCheck(Upstreams, Memory, Fetch, freshness, Catalog, this.time, logs.CreateLogger<TagCheck>(), stopping.Token);
        Lists = new UpstreamList(Upstreams, Catalog, freshness, Negative, this.time, logs.CreateLogger<UpstreamList>(), stopping.Token);

        PullThroughRule Change(string prefix) => (change ?? (rule => rule))(MillpondHost.Rule(prefix, upstream));
    }

    public CollectedLog Log { get; } = new();

    public GovernedUpstreams Upstreams { get; }

    public BlobStore Store { get; }

    public CatalogDatabase Catalog { get; }

    public KnownBlobs Known { get; }

    public NegativeCache Negative { get; }

    public Fills Fills { get; }

    public BlobPull Blobs { get; }

    public Adoption Adoption { get; }

    public ManifestMemory Memory { get; }

    public ManifestFetch Fetch { get; }

    public TagCheck Check { get; }

    public UpstreamList Lists { get; }

    /// <summary>The file of a download that was paused.</summary>
    public string PartialOf(TestBlob blob) => Path.Join(folder.File("staging"), $"{blob.Digest.Algorithm}-{blob.Digest.Hex}");

    /// <summary>The file of the catalog.</summary>
    public string CatalogFile => Path.Join(folder.File("catalog"), "catalog.db");

    /// <summary>Puts a file into the store as a crash leaves it: whole, and not listed.</summary>
    public void LeaveUnlisted(TestBlob blob)
    {
        var file = Path.Join(folder.File("store"), blob.Digest.Algorithm, blob.Digest.Hex[..2], blob.Digest.Hex);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, blob.ToArray());
    }

    /// <summary>A repository under the rule <c>up</c>, or another.</summary>
    public RuleMatch Target(string repository, string prefix = "up") => new(
        rules.Single(rule => rule.Prefix == prefix), RepositoryName.Parse($"{prefix}/{repository}"), RepositoryName.Parse(repository));

    /// <summary>Links the blob, as its manifest does, and pulls it.</summary>
    public async Task<BlobContent> PullAsync(string repository, TestBlob blob)
    {
        var target = Target(repository);
        Known.Link(target.Repository, blob.Digest);
        var pull = await Blobs.GetAsync(target, blob.Digest, default, CancellationToken.None);
        Assert.True(pull.IsFound, pull.Failure?.Reason);
        return pull.Value;
    }

    public ResumingBody Body(TestBlob blob, string repository, long position = 0) => new(
        Upstreams[Target(repository).Rule], Target(repository), blob.Digest, () => RequestReason.Pull, position, end: null, blob.Length, time, metrics);

    /// <summary>Reads some bytes at an offset and compares them with the blob's.</summary>
    public static async Task ReadAsync(BlobContent content, TestBlob blob, long offset, int count)
    {
        var (got, expected) = (new byte[count], new byte[count]);
        for (var at = 0; at < count;)
        {
            var read = await content.ReadAsync(got.AsMemory(at), offset + at, CancellationToken.None).AsTask().WaitAsync(Patience.Limit);
            Assert.NotEqual(0, read);
            at += read;
        }

        blob.Read(offset, expected);
        Assert.Equal(expected, got);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Fills.DrainAsync(TimeSpan.Zero);
        Upstreams.Dispose();
        await Catalog.DisposeAsync();
        metrics.Dispose();
        logs.Dispose();
        stopping.Dispose();
        folder.Dispose();
    }
}
