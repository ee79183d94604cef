using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Millpond.Bench;

/// <summary>A server under measurement, and the CPU time of it and its children.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const double TicksPerSecond = 100;

    /// <summary>Ten seconds in all; short beside the quickest start.</summary>
    private const int ListenTries = 5_000;
    private static readonly TimeSpan ListenPause = TimeSpan.FromMilliseconds(2);

    private readonly Process process;

    private ServerProcess(Process process, Uri address)
    {
        this.process = process;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>It and its children.</summary>
    public IReadOnlyList<int> Processes => [.. Tree(process.Id)];

    /// <summary>Seconds of user and system time, all processes and threads of it.</summary>
    public double CpuSeconds => Tree(process.Id).Sum(CpuOf);

    /// <summary>What is resident of it and its children, in MB; pages that children share count for each.</summary>
    public double MemoryMegabytes => Tree(process.Id).Sum(MemoryOf) / 1e3;

    public static async Task<ServerProcess> StartAsync(int port, string log, string program, params string[] arguments)
    {
        // A shell sends the output to a file, so that reading it costs this process nothing.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" > \"$BENCH_LOG\" 2>&1", program, .. arguments]);
        start.Environment["BENCH_LOG"] = log;
        var process = Process.Start(start)!;
        var server = new ServerProcess(process, new Uri($"http://127.0.0.1:{port}"));
        for (var tries = 0; tries < ListenTries; tries++)
        {
            if (process.HasExited)
            {
                break;
            }

            if (await ListensAsync(port))
            {
                return server;
            }

            await Task.Delay(ListenPause, TimeProvider.System);
        }

        server.Dispose();
        throw new InvalidOperationException($"{program} does not listen on port {port}:\n{File.ReadAllText(log)}");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        process.Dispose();
    }

    private static async Task<bool> ListensAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static IEnumerable<int> Tree(int id) =>
        File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).SelectMany(child => Tree(int.Parse(child, null))).Prepend(id);

    private static double MemoryOf(int id) => File.ReadLines($"/proc/{id}/status")
        .Where(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Sum(static line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], System.Globalization.CultureInfo.InvariantCulture));

    private static double CpuOf(int id)
    {
        // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
        var stat = File.ReadAllText($"/proc/{id}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], null) + long.Parse(fields[12], null)) / TicksPerSecond;
    }
}
