using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Millpond.Tests.Conformance;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// kill -9 at random moments under concurrent pushes, mounts, pulls and deletes: nothing acknowledged is lost, nothing broken is served, and the
/// next start is quick. <c>tests/tools/kill-rounds.sh</c> runs two hundred rounds of it.
/// </summary>
[Trait("Category", "Heavy")]
public sealed partial class KilledPushTests : IDisposable
{
    private const string RoundsVariable = "MILLPOND_KILL_ROUNDS";
    private const int FewRounds = 12;
    private const int Workers = 8;
    private const int MostSteps = 60;

    /// <summary>More than over an empty folder: how long that takes is the machine's and the runtime's.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(1);

    private readonly TemporaryFolder folder = new();
    private readonly ConcurrentDictionary<string, int> tally = new(StringComparer.Ordinal);
    private readonly SocketsHttpHandler transport = new() { AllowAutoRedirect = false };
    private readonly Random random = new(9);

    /// <summary>What the images of all workers share.</summary>
    private readonly TestBlob[] layers = [.. Enumerable.Range(0, 10).Select(size => TestBlob.Generated(900 + size, 1 << (11 + size)))];

    public void Dispose()
    {
        transport.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_and_nothing_broken_is_served()
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable(RoundsVariable), CultureInfo.InvariantCulture, out var said) ? said : FewRounds;
        List<PushWorker> workers = [.. Enumerable.Range(0, Workers).Select(number => new PushWorker(number, layers, tally))];
        List<Start> starts = [];
        var plain = await StartPlainlyAsync();
        for (var round = 0; round < rounds; round++)
        {
            starts.Add(await RoundAsync(workers, last: round == rounds - 1));
        }

        var (all, own) = (starts.Select(start => start.All.TotalSeconds).Order().ToList(), starts.Max(start => start.Own));
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{rounds} rounds; starts: median {all[rounds / 2]:0.00} s, longest {all[^1]:0.00} s, {all.Count(start => start > 1)} over a second; ")
            + string.Create(CultureInfo.InvariantCulture, $"longest without what anybody waited for a processor {own.TotalSeconds:0.00} s, over an empty folder {plain.TotalSeconds:0.00} s; ")
            + string.Join(", ", tally.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value} {pair.Key}")));
        AssertStoreIsSound();
        Assert.InRange(own, TimeSpan.Zero, plain + Recovery);
    }

    /// <summary>How long a start takes that has nothing to recover.</summary>
    private async Task<TimeSpan> StartPlainlyAsync()
    {
        var (began, stalled) = (TimeProvider.System.GetTimestamp(), Stalled());
        await using var millpond = await MillpondProcess.StartAsync(folder.File("plain"), []);
        return new Start(TimeProvider.System.GetElapsedTime(began), Stalled() - stalled).Own;
    }

    /// <summary>Starts, looks at everything, works, and is killed. Gives the time until it listened.</summary>
    private async Task<Start> RoundAsync(IReadOnlyList<PushWorker> workers, bool last)
    {
        var (began, stalled) = (TimeProvider.System.GetTimestamp(), Stalled());
        await using var millpond = await MillpondProcess.StartAsync(folder.File("data"), []);
        var start = new Start(TimeProvider.System.GetElapsedTime(began), Stalled() - stalled);
        using var http = new HttpClient(transport, disposeHandler: false) { Timeout = Patience.Limit };
        var registry = new RegistryUnderTest(http, millpond.Address);
        try
        {
            await Task.WhenAll(workers.Select(worker => worker.VerifyAsync(registry)));
            if (last)
            {
                Assert.Equal(0, await millpond.StopAsync());
                return start;
            }

            await WorkUntilKilledAsync(millpond, registry, workers);
        }
        catch (Exception exception)
        {
            Assert.Fail($"{exception}\n{millpond.Output[^Math.Min(6000, millpond.Output.Length)..]}");
        }

        Assert.DoesNotContain("\"LogLevel\":\"Error\"", millpond.Output, StringComparison.Ordinal);
        return start;
    }

    private async Task WorkUntilKilledAsync(MillpondProcess millpond, RegistryUnderTest registry, IReadOnlyList<PushWorker> workers)
    {
        var killed = false;
        using var ending = new CancellationTokenSource();
        var work = workers.Select(worker => Task.Run(async () =>
        {
            try
            {
                await worker.RunAsync(registry, workers, ending.Token);
            }
            catch (Exception exception) when (Volatile.Read(ref killed) && exception is HttpRequestException or SocketException or IOException or OperationCanceledException)
            {
                // That was the kill.
            }
        })).ToList();
        await WhenDoneAsync(workers, random.Next(2, MostSteps), work);
        Volatile.Write(ref killed, true);
        await millpond.KillAsync();
        await ending.CancelAsync();
        await Task.WhenAll(work);
    }

    /// <summary>Until they have done so much more, and a moment longer: then they are in the middle of something.</summary>
    private async Task WhenDoneAsync(IReadOnlyList<PushWorker> workers, int steps, IReadOnlyList<Task> work)
    {
        var target = workers.Sum(worker => worker.Steps) + steps;
        while (workers.Sum(worker => worker.Steps) < target && !work.Any(task => task.IsCompleted))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(30)), TimeProvider.System);
    }

    /// <summary>How long anybody on this machine has waited for a processor, as the kernel counts it; nothing where it does not.</summary>
    private static TimeSpan Stalled()
    {
        const string Pressure = "/proc/pressure/cpu";
        return File.Exists(Pressure) && StallTotal().Match(File.ReadAllText(Pressure)) is { Success: true } match
            ? TimeSpan.FromMicroseconds(long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))
            : TimeSpan.Zero;
    }

    /// <summary>What has a digest for a name has that content.</summary>
    private void AssertStoreIsSound()
    {
        var files = Directory.EnumerateFiles(folder.File("data/store"), "*", SearchOption.AllDirectories).ToList();
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            if (HexName().Match(Path.GetFileName(file)) is { Success: true } name)
            {
                Assert.Equal(name.Value, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
            }
        }
    }

    [GeneratedRegex(@"^some .*total=([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex StallTotal();

    [GeneratedRegex(@"[0-9a-f]{64}\z")]
    private static partial Regex HexName();

    /// <param name="All">Until it listened.</param>
    /// <param name="Stalled">Of that, how long anybody on this machine waited for a processor.</param>
    private sealed record Start(TimeSpan All, TimeSpan Stalled)
    {
        /// <summary>What is the server's own; on a machine that does other things too the rest is no measure of it.</summary>
        public TimeSpan Own => All - Stalled;
    }
}
