using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Governing;
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
        var origins = new Origins(Upstreams, Catalog, this.time);
        Known = new LinkMemory(Catalog, origins);
        Memory = new ManifestMemory(Catalog, origins);
        Negative = new NegativeCache(new NegativeCacheConfiguration(), this.time);
        var books = new BlobBooks(Store, Known, logs.CreateLogger<BlobBooks>());
        Eviction = new DiskRoom(Store, Catalog, books, Known, Memory, metrics, this.time, logs.CreateLogger<DiskRoom>());
        var finish = new FillFinish(Upstreams, Catalog, books, Known, this.time, metrics, logs.CreateLogger<FillFinish>());
        var download = new FillDownload(Upstreams, Store, finish, Eviction, Negative, Known, this.time, metrics, logs.CreateLogger<FillDownload>());
        Fills = new RunningFills(download, Known, 4, 64 << 20, this.time, stopping.Token);
        Adoption = new Adoption(Store, Fills, Catalog, Known, books, this.time, logs.CreateLogger<Adoption>());
        var proofs = new BlobProof(Upstreams, Fills, Store, Adoption, Known, Negative, stopping.Token);
        Blobs = new BlobPull(Upstreams, Fills, Store, proofs, Adoption, Catalog, Known, Negative, this.time, metrics);

        Fetch = new ManifestFetch(
            Upstreams, Memory, Known, Negative, Catalog, new CompletionQueue(), this.time, logs.CreateLogger<ManifestFetch>(), stopping.Token);
        var freshness = new Freshness(this.time);
        Check = new TagCheck(Upstreams, Memory, Known, Fetch, freshness, Catalog, this.time, logs.CreateLogger<TagCheck>(), stopping.Token);
        Download = new ListDownload(Catalog, metrics, this.time, logs.CreateLogger<ListDownload>());
        Lists = new UpstreamList(Upstreams, Catalog, Known, Download, freshness, Negative, this.time, logs.CreateLogger<UpstreamList>(), stopping.Token);

        PullThroughRule Change(string prefix) => (change ?? (rule => rule))(MillpondHost.Rule(prefix, upstream));
    }

    public CollectedLog Log { get; } = new();

    public GovernedUpstreams Upstreams { get; }

    public BlobStore Store { get; }

    public DiskRoom Eviction { get; }

    public ListDownload Download { get; }

    public CatalogDatabase Catalog { get; }

    public LinkMemory Known { get; }

    public NegativeCache Negative { get; }


    public RunningFills Fills { get; }

    public BlobPull Blobs { get; }

    public Adoption Adoption { get; }

    public ManifestMemory Memory { get; }

    public ManifestFetch Fetch { get; }

    public TagCheck Check { get; }

    public UpstreamList Lists { get; }

    /// <summary>The file of a stored blob.</summary>
    public string FileOf(TestBlob blob) => Path.Join(folder.File("store"), blob.Digest.Algorithm, blob.Digest.Hex[..2], blob.Digest.Hex);

    /// <summary>Bodies that the first rule's upstream is asked for now.</summary>
    public int Bodies => Upstreams.States().First(state => state.Rule == "up").FillsRunning;

    /// <summary>The file of a download that was paused.</summary>
    public string PartialOf(TestBlob blob) => Path.Join(folder.File("staging"), $"{blob.Digest.Algorithm}-{blob.Digest.Hex}");

    /// <summary>The file of the catalog.</summary>
    public string CatalogFile => Path.Join(folder.File("catalog"), "catalog.db");

    /// <summary>Puts a file into the store as a crash leaves it: whole, and not listed.</summary>
    public void LeaveUnlisted(TestBlob blob, byte[]? bytes = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FileOf(blob))!);
        File.WriteAllBytes(FileOf(blob), bytes ?? blob.ToArray());
    }

    /// <summary>Pulls it whole and waits until its fill has ended.</summary>
    public async Task FillAsync(TestBlob blob, string repository = "team/app")
    {
        await using var content = await PullAsync(repository, blob);
        await ReadAsync(content, blob, 0, (int)blob.Length);
        await WhenEndedAsync(blob);
    }

    public Task WhenEndedAsync(TestBlob blob) => (Fills.Find(blob.Digest)?.Ended ?? Task.CompletedTask).WaitAsync(Patience.Limit);

    /// <summary>A repository under the rule <c>up</c>, or another.</summary>
    public RuleMatch Target(string repository, string prefix = "up") => new(
        rules.Single(rule => rule.Prefix == prefix), RepositoryName.Parse($"{prefix}/{repository}"), RepositoryName.Parse(repository));

    /// <summary>Links the blob, as its manifest does, and pulls it.</summary>
    public async Task<BlobContent> PullAsync(string repository, TestBlob blob, string prefix = "up")
    {
        var target = Target(repository, prefix);
        Known.Link(target, blob.Digest);
        var pull = await Blobs.GetAsync(target, blob.Digest, default, CancellationToken.None);
        Assert.True(pull.IsFound, pull.Failure?.Reason);
        return pull.Value;
    }

    /// <summary>Links the blob, and joins its fill or leads it.</summary>
    public Task<FillReader> JoinAsync(
        string repository, TestBlob blob, long? size = null, string prefix = "up", RequestReason reason = RequestReason.Pull)
    {
        var target = Target(repository, prefix);
        Known.Link(target, blob.Digest);
        return Fills.JoinOrLeadAsync(target, blob.Digest, size, reason, isProven: true, CancellationToken.None);
    }

    public ResumingBody Body(TestBlob blob, string repository, long position = 0, long? end = null) => new(
        Upstreams, Target(repository), blob.Digest, () => RequestReason.Pull, position, end, blob.Length, time, metrics);

    public OwnContent Own(TestBlob blob, string repository) =>
        new(blob.Digest, blob.Length, time, (position, end, _) => Body(blob, repository, position, end));

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
        Eviction.Dispose();
        await Catalog.DisposeAsync();
        metrics.Dispose();
        logs.Dispose();
        stopping.Dispose();
        folder.Dispose();
    }
}
