using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What one client got.</summary>
public sealed record ClientAnswer(int Status, bool IsBroken, long Bytes, bool IsWhole, string? Cache, bool HasWarning, int? RetryAfter, string Error);

/// <summary>An upstream, the cache before it, and clients that pull at once.</summary>
public sealed partial class MatrixRun : IAsyncDisposable
{
    public const string UpstreamRepository = "team/app";
    public const string Tag = "v1";
    private const string Repository = "up/" + UpstreamRepository;

    /// <summary>Large enough for several blocks, small enough for hundreds of runs.</summary>
    private const int LayerLength = 1 << 20;

    /// <summary>All clients are let in when so much was sent.</summary>
    private const int LetIn = 300 * 1024;

    private static readonly TimeSpan CheckDue = TimeSpan.FromHours(25);

    private readonly FaultRow row;
    private readonly EagerTime time = new();

    /// <summary>Moves only by the test: an upstream must not race ahead of who reads from it.</summary>
    private readonly FakeTimeProvider upstreamTime = new();
    private readonly TemporaryFolder data = new();
    private readonly TestBlob layer = TestBlob.Generated(42, LayerLength);
    private readonly TestCertificates certificates = new();
    private MillpondHost host = null!;
    private Task pulls = Task.CompletedTask;
    private volatile Awaited awaited = new(long.MaxValue);
    private long received;

    private MatrixRun(FaultRow row)
    {
        this.row = row;
        Image = row.Pulled == PulledKind.Child ? TestImages.TwoPlatforms() : TestImages.WithLayers(layer);
    }

    public FakeUpstream Upstream { get; private set; } = null!;

    public TestImage Image { get; }

    /// <summary>Where the tag may move.</summary>
    public TestImage Moved { get; } = TestImages.OnePlatform(2);

    /// <summary>Requests for what is pulled, redirects included.</summary>
    private IEnumerable<UpstreamRequest> Asked => row.Pulled == PulledKind.Blob
        ? Upstream.Requests().Where(request => request.Kind is RequestKind.Blob or RequestKind.BlobHost)
        : Upstream.Requests(RequestKind.Manifest);

    private RequestKind AskedKind => row.Pulled == PulledKind.Blob ? RequestKind.Blob : RequestKind.Manifest;

    private Digest Pulled => row.Pulled switch
    {
        PulledKind.Blob => layer.Digest,
        PulledKind.Manifest => Image.Digest,
        PulledKind.Child => Image.Children[0].Digest,
    };

    private long PulledLength => row.Pulled switch
    {
        PulledKind.Blob => layer.Length,
        PulledKind.Manifest => Image.Manifest.Content.Length,
        PulledKind.Child => Image.Children[0].Manifest.Content.Length,
    };

    public static async Task<MatrixRun> StartAsync(FaultRow row, bool warm)
    {
        var run = new MatrixRun(row);
        var certificates = row.Fault == UpstreamFault.UntrustedCertificate ? run.certificates : row.Upstream.Tls;
        run.Upstream = await FakeUpstream.StartAsync(row.Upstream with { Time = run.upstreamTime, Tls = certificates });
        run.Upstream.Add(UpstreamRepository, run.Image, Tag);
        run.Upstream.Add(UpstreamRepository, run.Moved);
        if (row.Arm is not null || warm)
        {
            await run.ServeAsync(isReached: true);
            await run.PrepareAsync(warm);
        }

        if (row.Arm is null)
        {
            await run.ServeAsync(isReached: false);
        }

        run.Upstream.ClearRequests();
        return run;
    }

    /// <summary>Lets the clients pull while the upstream misbehaves.</summary>
    public async Task<ClientAnswer[]> PullAsync(int clients, bool warm)
    {
        (warm ? row.ArmWarm ?? row.Arm : row.Arm)?.Invoke(this);
        var gate = row.InMidBody && !warm ? Upstream.Park(Pulled, LetIn) : null;
        var let = new CountdownEvent(clients);
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = Enumerable.Range(0, clients).Select(_ => PullOnceAsync(warm ? Tag : null, () => Count(let, answered))).ToArray();
        pulls = Task.WhenAll(running);
        if (gate is not null)
        {
            await Task.WhenAny(answered.Task, pulls).WaitAsync(Patience.Limit);
        }

        var meanwhile = row.Meanwhile?.Invoke(this) ?? Task.CompletedTask;
        gate?.Open();
        var answers = await Task.WhenAll(running).WaitAsync(Patience.Limit + Patience.Limit);
        await meanwhile;
        await WhenNoFillRunsAsync();
        return answers;
    }

    /// <summary>Moves the clock each time the upstream was asked, until every client has its answer.</summary>
    public async Task AdvanceAtEachRequest(TimeSpan by)
    {
        for (var seen = 0; !pulls.IsCompleted;)
        {
            await Task.WhenAny(pulls, Upstream.WhenRequestsReach(seen + 1, AskedKind));
            seen = Upstream.Requests(AskedKind).Count;
            time.Advance(by);
        }
    }

    /// <summary>Moves the clock until the body that stalls at half is given up and the rest is asked for.</summary>
    public async Task AdvanceUntilAskedAgain(TimeSpan by)
    {
        await WhenReceivedAsync(PulledLength / 2);
        var again = Upstream.WhenRequestsReach(2, AskedKind);
        while (!again.IsCompleted && !pulls.IsCompleted)
        {
            // Nothing shows from outside that the cache has begun to wait, so that the clock may have to move more than once.
            time.Advance(by);
            await Task.WhenAny(again, pulls, Task.Delay(TimeSpan.FromMilliseconds(50)));
        }
    }

    /// <summary>Lets each KiB of the trickle arrive before the next second comes, until the rest is asked for anew.</summary>
    public async Task TrickleUntilAskedAgain()
    {
        for (var second = 1; !pulls.IsCompleted && Asked.Count() < 2; second++)
        {
            await WhenReceivedAsync(second * 1024);
            time.Advance(TimeSpan.FromSeconds(1));
            upstreamTime.Advance(TimeSpan.FromSeconds(1));
        }
    }

    public (int Requests, double Bytes) Cost() => (Asked.Count(), Asked.Sum(request => request.BytesSent) / (double)PulledLength);

    public async Task<Kept> WhatIsKeptAsync()
    {
        using var cached = await AskAsync(row.Pulled == PulledKind.Manifest ? Tag : null, "only-if-cached");
        if (cached.IsSuccessStatusCode)
        {
            Assert.Equal(Expected(cached), Pulled.Rehash(await cached.Content.ReadAsByteArrayAsync()).ToString());
            return Kept.Whole;
        }

        var partials = Directory.EnumerateFiles(Path.Join(host.DataFolder, "staging"), $"*{Pulled.Hex}").Select(path => new FileInfo(path).Length);
        return partials.Any(length => length > 0) ? Kept.Partial : Kept.Nothing;
    }

    /// <summary>Has the upstream behave again and pulls until it works; tells how long that took by the clock, and what upstream sent for it.</summary>
    public async Task<(TimeSpan After, double Bytes)> NextPullAsync(bool warm)
    {
        Upstream.DisarmAll();
        if (row.Arm is null)
        {
            await ServeAsync(isReached: true);
        }

        // The probe takes its time by the machine's clock, while the test's clock stands still.
        await WhenZeroAsync(BreakerOpen());
        var begun = time.GetUtcNow();
        ClientAnswer answer;
        var attempt = 0;
        do
        {
            if (attempt > 0)
            {
                time.Advance(TimeSpan.FromSeconds(10));
            }

            Upstream.ClearRequests();
            answer = await PullOnceAsync(warm ? Tag : null, () => { });
        }
        while (!answer.IsWhole && ++attempt < 100);
        Assert.True(answer.IsWhole, $"The next pull still fails after {time.GetUtcNow() - begun}: {answer}");
        return (time.GetUtcNow() - begun, Cost().Bytes);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await Upstream.DisposeAsync();
        data.Dispose();
        certificates.Dispose();
    }

    [GeneratedRegex("^millpond_fills_running[^ ]* ([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex FillsRunning();

    [GeneratedRegex("^millpond_upstream_breaker_open[^ ]* ([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex BreakerOpen();

    private static void Count(CountdownEvent let, TaskCompletionSource answered)
    {
        if (let.Signal())
        {
            answered.TrySetResult();
        }
    }

    /// <summary>A tag may have moved.</summary>
    private string Expected(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var digest) ? digest.Single() : Pulled.ToString();

    /// <summary>Ends when a client has so many bytes of its body, or all have ended.</summary>
    private async Task WhenReceivedAsync(long bytes)
    {
        var wanted = new Awaited(bytes);
        awaited = wanted;
        if (Interlocked.Read(ref received) >= bytes)
        {
            return;
        }

        await Task.WhenAny(wanted.Reached.Task, pulls).WaitAsync(Patience.Limit);
    }

    private void Received(long bytes)
    {
        for (var most = Interlocked.Read(ref received); bytes > most;)
        {
            var before = Interlocked.CompareExchange(ref received, bytes, most);
            most = before == most ? bytes : before;
        }

        if (bytes >= awaited.Bytes)
        {
            awaited.Reached.TrySetResult();
        }
    }

    /// <summary>
    /// The rule of the run. Where the fault is the upstream's address, it has it from the beginning, and another setting leads past it for as long
    /// as the upstream is well: a rule that pointed elsewhere would know nothing of what was pulled.
    /// </summary>
    private PullThroughRule Rule(bool isReached) => row.Fault switch
    {
        UpstreamFault.ConnectionRefused => MillpondHost.Rule("up", FakeUpstream.RefusedAddress) with { Proxy = Past(isReached) },
        UpstreamFault.UnknownHost => MillpondHost.Rule("up", FakeUpstream.UnknownHost) with { Proxy = Past(isReached) },
        UpstreamFault.UntrustedCertificate => MillpondHost.Rule("up", Upstream) with { Tls = new UpstreamTls(Insecure: isReached) },
        _ => MillpondHost.Rule("up", Upstream),
    };

    private string Past(bool isReached) => isReached ? Upstream.Address.GetLeftPart(UriPartial.Authority) : "none";

    /// <summary>(Re)starts the cache over the same data.</summary>
    private async Task ServeAsync(bool isReached)
    {
        if (host is not null)
        {
            await host.DisposeAsync();
        }

        var rule = Rule(isReached) with
        {
            // Only what the clients of a row cost is counted.
            CompleteImages = ImageCompletion.Never,
            Timeouts = new UpstreamTimeouts(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30)),
        };
        host = await MillpondHost.StartAsync([rule], new() { Time = time, Data = data });
    }

    /// <summary>What clients have pulled before: for a warm run everything, some time ago; else only what names the blob or child.</summary>
    private async Task PrepareAsync(bool warm)
    {
        if (warm)
        {
            await host.PullAsync(Repository, Image, Tag);
            await WhenNoFillRunsAsync();
            time.Advance(CheckDue);
        }
        else if (row.Pulled != PulledKind.Manifest)
        {
            using var answer = await host.ManifestAsync(Repository, Tag);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }
    }

    private Task<HttpResponseMessage> AskAsync(string? tag, string? cacheControl) =>
        tag is not null || row.Pulled != PulledKind.Blob
            ? host.ManifestAsync(Repository, tag ?? (row.Pulled == PulledKind.Manifest ? Tag : Pulled.ToString()), cacheControl: cacheControl)
            : host.BlobAsync(Repository, Pulled, cacheControl: cacheControl);

    private async Task<ClientAnswer> PullOnceAsync(string? tag, Action answered)
    {
        using var response = await AskAsync(tag, cacheControl: null);
        answered();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var text = new MemoryStream();
        var (isBroken, bytes) = (false, 0L);
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            var buffer = new byte[64 * 1024];
            for (int count; (count = await body.ReadAsync(buffer)) > 0;)
            {
                bytes += count;
                Received(bytes);
                hash.AppendData(buffer, 0, count);
                text.Write(buffer, 0, response.IsSuccessStatusCode ? 0 : count);
            }
        }
        catch (Exception broken) when (broken is HttpIOException or IOException)
        {
            isBroken = true;
        }

        var whole = response.IsSuccessStatusCode && Digest.FromHash("sha256", hash.GetHashAndReset()).ToString() == Expected(response);
        return new ClientAnswer(
            (int)response.StatusCode, isBroken, bytes, whole,
            response.Headers.TryGetValues("Millpond-Cache", out var status) ? status.Single() : null,
            response.Headers.Warning.Any(warning => warning.Code == 110),
            (int?)response.Headers.RetryAfter?.Delta?.TotalSeconds,
            System.Text.Encoding.UTF8.GetString(text.ToArray()));
    }

    /// <summary>Ends when every fill has ended, its commit to a busy disk included: no pull waits for that, and no event tells of it.</summary>
    private Task WhenNoFillRunsAsync() => WhenZeroAsync(FillsRunning());

    private async Task WhenZeroAsync(Regex gauge)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (true)
        {
            var metrics = await host.Client.GetStringAsync(new Uri(host.Address, "/metrics"), patience.Token);
            var match = gauge.Match(metrics);
            Assert.True(match.Success, $"{gauge} is not in the metrics:\n{metrics}");
            if (int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }

    private sealed record Awaited(long Bytes)
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
