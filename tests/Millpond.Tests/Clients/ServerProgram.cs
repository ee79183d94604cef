using System.Diagnostics;
using System.Text;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>A server of another project as a child process, ended with the test.</summary>
internal sealed class ServerProgram : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder log = new();
    private readonly TaskCompletionSource<string> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string sign;

    /// <param name="program">What is run.</param>
    /// <param name="arguments">How it is run.</param>
    /// <param name="sign">What the log line that says it listens has in it.</param>
    private ServerProgram(string program, string[] arguments, string sign)
    {
        this.sign = sign;
        process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
            EnableRaisingEvents = true,
        };
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"{program} ended at once:\n{Log}"));
    }

    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    /// <summary>Starts it and waits until it listens; gives the line that said so.</summary>
    public static async Task<(ServerProgram Server, string Line)> StartAsync(string program, string[] arguments, string sign)
    {
        var server = new ServerProgram(program, arguments, sign);
        server.process.Start();
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        try
        {
            return (server, await server.ready.Task.WaitAsync(Patience.Limit));
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends it as a crash would.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await process.WaitForExitAsync().WaitAsync(Patience.Limit);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (log)
        {
            log.AppendLine(line);
        }

        if (line.Contains(sign, StringComparison.Ordinal))
        {
            ready.TrySetResult(line);
        }
    }
}
