using System.CommandLine;
using System.Runtime.InteropServices;
using Millpond.Server;
using Millpond.Server.Configuration;
using Millpond.Server.Rehearsal;

namespace Millpond.Cli;

/// <summary><c>millpond serve</c>: runs the cache until it is told to stop.</summary>
internal static class ServeCommand
{
    private const int CannotStart = 1;
    private const int BadConfiguration = 2;

    /// <summary>Not on loopback: reviews are asked for by API servers, which are never here, and give nothing away.</summary>
    private const string AdmissionDefault = "https://0.0.0.0:8443";

    /// <summary>
    /// Reading a cold file blocks a thread of the pool, which has as many as there are cores at first, and grows slowly. A server for reviews
    /// alone reads none, and more threads than cores would only wait for each other: measured, its p99 under load is several times lower without.
    /// </summary>
    private const int MinimumThreads = 32;

    private static readonly Option<FileInfo?> Config = new("--config") { Description = "The configuration file (YAML).", HelpName = "FILE" };
    private static readonly Option<string?> Data = new("--data") { Description = "The data folder [default: ./millpond-data].", HelpName = "DIR" };

    private static readonly Option<string[]> Listen = new("--listen")
    {
        Description = "Where to listen; repeatable [default: http://127.0.0.1:5000].",
        HelpName = "URL",
    };

    private static readonly Option<string[]> Upstream = new("--upstream")
    {
        Description = "A rule: what is pulled under PREFIX comes from URL; repeatable.",
        HelpName = "PREFIX=URL",
    };

    private static readonly Option<string?> Admission = new("--admission")
    {
        Description = $"Review pods too, by https at URL [default: {AdmissionDefault}].",
        HelpName = "URL",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> SelfSigned = new("--self-signed")
    {
        Description = "Answer reviews by a certificate that the server makes; its caBundle is printed at start.",
    };

    public static Command Create()
    {
        var command = new Command("serve", "Serve container images, pulled through from their upstreams and kept.") { Config, Data, Listen, Upstream, Admission, SelfSigned };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var error = arguments.InvocationConfiguration.Error;
        var result = ConfigurationReader.Read(arguments.GetValue(Config)?.FullName, ProcessEnvironment.Read(), Flags(arguments));
        if (result.Configuration is not { } configuration)
        {
            await error.WriteLineAsync(result.Describe());
            return BadConfiguration;
        }

        if (!configuration.Listen.IsEmpty || !configuration.Listeners.IsEmpty)
        {
            ThreadPool.GetMinThreads(out var workers, out var completions);
            ThreadPool.SetMinThreads(Math.Max(workers, MinimumThreads), completions);
        }

        try
        {
            await ServeAsync(configuration, cancellationToken);
            return 0;
        }
        catch (ServerStartException failure)
        {
            await error.WriteLineAsync($"millpond cannot start: {failure.Message}");
            return CannotStart;
        }
    }

    private static async Task ServeAsync(ServerConfiguration configuration, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        await using var server = await ServerHost.StartAsync(configuration, TimeProvider.System, logging: null, cancellationToken);
        var rehearsal = Task.Run(() => FirstPull.RehearseAsync(configuration, TimeProvider.System, stop.Token), CancellationToken.None);
        await server.RunUntilShutdownAsync(stop.Token);
        await rehearsal;

        // The first signal stops in good order; a second one, however it comes, ends the program at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
    }

    private static List<FlagValue> Flags(ParseResult arguments)
    {
        var flags = new List<FlagValue>();
        if (arguments.GetValue(Data) is { } data)
        {
            flags.Add(new("--data", data));
        }

        flags.AddRange((arguments.GetValue(Listen) ?? []).Select(url => new FlagValue("--listen", url)));
        flags.AddRange((arguments.GetValue(Upstream) ?? []).Select(rule => new FlagValue("--upstream", rule)));
        if (arguments.GetResult(Admission) is { Implicit: false })
        {
            flags.Add(new("--admission", arguments.GetValue(Admission) ?? AdmissionDefault));
        }

        if (arguments.GetValue(SelfSigned))
        {
            flags.Add(new("--self-signed", "true"));
        }

        return flags;
    }
}
