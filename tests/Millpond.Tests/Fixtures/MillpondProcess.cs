using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Fixtures;

/// <summary>The program as a child process, built for release: what is killed, limited and measured.</summary>
public sealed partial class MillpondProcess : IAsyncDisposable
{
    /// <summary>It begins when the server listens; who comes later than this has missed it.</summary>
    private static readonly TimeSpan MostBeforeRehearsal = TimeSpan.FromSeconds(2);

    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly TaskCompletionSource<Uri> listening = NewPromise();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Uri>> purposes = new(StringComparer.Ordinal);

    private MillpondProcess(ProcessStartInfo start)
    {
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
    }

    /// <summary>The first listener: the main one, where there is one.</summary>
    public Uri Address { get; private set; } = null!;

    public int Id => process.Id;

    /// <summary>Standard output and error so far.</summary>
    public string Output
    {
        get
        {
            lock (output)
            {
                return output.ToString();
            }
        }
    }

    /// <summary>The most memory it has had resident, in bytes.</summary>
    public long PeakMemory => PeakMemoryOf(Id);

    /// <summary>The memory it has resident now, in bytes.</summary>
    public long Memory => StatusBytes(Id, "VmRSS");

    /// <summary>The most memory that a process has had resident, in bytes.</summary>
    public static long PeakMemoryOf(int process) => StatusBytes(process, "VmHWM");

    /// <summary>Starts <c>millpond serve</c> on a free port, or where a given <c>--config</c> says, and waits until it listens.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="arguments">Further flags, as <c>--upstream up=http://127.0.0.1:1234</c>.</param>
    /// <param name="environment">Further environment; none of this process's own MILLPOND variables reach the program.</param>
    public static async Task<MillpondProcess> StartAsync(string data, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = Program();
        string[] listen = arguments.Contains("--config") ? [] : ["--listen", "http://127.0.0.1:0"];
        foreach (var argument in (string[])["serve", "--data", data, .. listen, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MILLPOND", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var millpond = new MillpondProcess(start);
        millpond.process.Start();
        millpond.process.BeginOutputReadLine();
        millpond.process.BeginErrorReadLine();
        try
        {
            // The end is awaited and not heard of by event: only then has all output been read.
            var ended = millpond.process.WaitForExitAsync();
            if (await Task.WhenAny(millpond.listening.Task, ended).WaitAsync(Patience.Limit) == ended)
            {
                throw new InvalidOperationException($"millpond ended at once with status {millpond.process.ExitCode}:\n{millpond.Output}");
            }

            millpond.Address = await millpond.listening.Task;
            return millpond;
        }
        catch (TimeoutException)
        {
            await millpond.DisposeAsync();
            throw new InvalidOperationException($"millpond did not listen within {Patience.Limit}:\n{millpond.Output}");
        }
        catch
        {
            await millpond.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until the pull that a fresh process makes for itself has come and gone: what it takes is no client's doing.</summary>
    public async Task WhenRehearsedAsync(string data)
    {
        var folder = Path.Join(data, "rehearsal");
        var start = TimeProvider.System.GetTimestamp();
        var wasSeen = false;
        while (Directory.Exists(folder) || !wasSeen && TimeProvider.System.GetElapsedTime(start) < MostBeforeRehearsal)
        {
            wasSeen |= Directory.Exists(folder);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    /// <summary>The listener that the program says is for <c>pulls</c>, <c>operations</c>, <c>admission</c>.</summary>
    public Task<Uri> AddressAsync(string purpose) => Promise(purpose).Task.WaitAsync(Patience.Limit);

    /// <summary>kill -9: nothing is flushed, nothing is closed.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        await process.WaitForExitAsync().WaitAsync(Patience.Limit);
    }

    /// <summary>SIGTERM; gives the exit status.</summary>
    public async Task<int> StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        await process.WaitForExitAsync().WaitAsync(Patience.Limit + Patience.Limit);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
    }

    /// <summary>What MILLPOND_PROGRAM names (a published program), else the Release build.</summary>
    public static ProcessStartInfo Program()
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Environment.GetEnvironmentVariable("MILLPOND_PROGRAM") is { Length: > 0 } published)
        {
            start.FileName = published;
            return start;
        }

        var built = Path.Join(SourceTree.Top, "artifacts/bin/Millpond.Cli/release/millpond.dll");
        Assert.True(File.Exists(built), $"{built} is missing: run ./test --all, which names a published program in MILLPOND_PROGRAM, or first: dotnet build -c Release src/Millpond.Cli");
        start.FileName = Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet";
        start.ArgumentList.Add(built);
        return start;
    }

    private static TaskCompletionSource<Uri> NewPromise() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [GeneratedRegex("listening on (https?://[^ \"\\\\]+) \\(([^)]+)\\)")]
    private static partial Regex ListeningLine();

    private TaskCompletionSource<Uri> Promise(string purpose) => purposes.GetOrAdd(purpose, _ => NewPromise());

    private static long StatusBytes(int process, string field)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (output)
        {
            output.AppendLine(line);
        }

        if (ListeningLine().Match(line) is { Success: true } match)
        {
            var address = new Uri(match.Groups[1].Value);
            Promise(match.Groups[2].Value).TrySetResult(address);
            listening.TrySetResult(address);
        }
    }
}
