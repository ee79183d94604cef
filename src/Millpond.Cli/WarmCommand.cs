using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using Millpond.Cli.Charts;
using Millpond.Cli.Editing;
using Millpond.Cli.RuleSources;
using Millpond.Cli.Warming;
using Millpond.Rewriting.Edits;
using Millpond.Server.Configuration.Values;

namespace Millpond.Cli;

/// <summary><c>millpond warm</c>: pulls images through a running server ahead of need, so that a cluster's own pulls are hits.</summary>
internal static class WarmCommand
{
    private const int MostAtOnce = 64;

    public static Command Create(Streams streams, TimeProvider time)
    {
        var options = new WarmOptions();
        var rules = new RuleOptions();
        var command = new Command("warm", "Pull images through a running server ahead of need.");
        options.AddTo(command);
        rules.AddTo(command, withConfiguration: false);
        command.SetAction((arguments, cancellationToken) =>
            FileVerb.RunAsync(streams, () => RunAsync(arguments, options, rules, streams, time, cancellationToken)));
        return command;
    }

    private static async Task<int> RunAsync(
        ParseResult arguments, WarmOptions options, RuleOptions rules, Streams streams, TimeProvider time, CancellationToken cancellationToken)
    {
        var settings = options.Read(arguments);
        var server = rules.Server(arguments) ?? throw new CommandFailedException("Name the server to warm with --server URL.");
        var set = await rules.ReadAsync(arguments, null, cancellationToken);
        var sources = new ImageSources(new FileRewriter(rules.Tables(arguments), set.Rewriting(), rules.Everywhere(arguments), new ChartFolders().Of), streams);
        var plan = WarmPlan.Make(options.Named(arguments, sources), set);
        using var journal = settings.State is null ? null : WarmJournal.Open(settings.State, server.Url, settings.Platforms);
        using var cache = new CacheClient(server, settings, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var run = new WarmRun(plan, cache, settings, journal);
        await using var output = new StreamWriter(streams.Output(), new UTF8Encoding(false), leaveOpen: true) { AutoFlush = true };
        var outcomes = streams.IsTerminal
            ? await BarProgress.RunAsync(Spectre.Console.AnsiConsole.Console, plan.Images.Length, progress => run.RunAsync(progress, stop.Token))
            : await run.RunAsync(new PlainProgress(output, plan.Images.Length), stop.Token);
        await output.WriteAsync(WarmSummary.Write(plan, outcomes, streams.Width));
        var allWarm = outcomes.All(outcome => outcome.Failure is null);
        journal?.End(allWarm);
        return allWarm ? ExitCode.Done : ExitCode.Found;

        // The first signal ends the run in good order, with its summary; a second one ends the program at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
    }

    /// <summary>The options of its own.</summary>
    private sealed class WarmOptions
    {
        private readonly Argument<string[]> paths = new("PATH")
        {
            Description = "Files and folders that name images; - for standard input.",
            Arity = ArgumentArity.ZeroOrMore,
        };

        private readonly Option<FileInfo[]> coverage = new("--coverage") { Description = "Reports of 'millpond coverage --format json'. Repeatable.", HelpName = "FILE" };
        private readonly Option<string[]> list = new("--list") { Description = "Lists with a reference on each line; - for standard input. Repeatable.", HelpName = "FILE" };

        private readonly Option<string> platforms = new("--platforms")
        {
            Description = "What to pull of images for several platforms: all, or os/architecture with commas between.",
            HelpName = "LIST",
            DefaultValueFactory = _ => "linux/amd64,linux/arm64",
        };

        private readonly Option<int> parallel = new("--parallel") { Description = "Requests at once.", HelpName = "N", DefaultValueFactory = _ => 4 };

        private readonly Option<string> maxWait = new("--max-wait")
        {
            Description = "How long to wait in all for an upstream that throttles or is down.",
            HelpName = "TIME",
            DefaultValueFactory = _ => "5m",
        };

        private readonly Option<FileInfo?> state = new("--state")
        {
            Description = "Keep a journal of what is done, so that an interrupted run goes on. Removed when everything is warm.",
            HelpName = "FILE",
        };

        public void AddTo(Command command)
        {
            command.Arguments.Add(paths);
            foreach (var option in new Option[] { coverage, list, platforms, parallel, maxWait, state })
            {
                command.Options.Add(option);
            }
        }

        /// <exception cref="CommandFailedException">A value is none.</exception>
        public WarmSettings Read(ParseResult arguments)
        {
            var atOnce = arguments.GetValue(parallel);
            if (atOnce is < 1 or > MostAtOnce)
            {
                throw new CommandFailedException($"--parallel is a number from 1 to {MostAtOnce}.");
            }

            return Duration.TryParse(arguments.GetRequiredValue(maxWait), out var wait)
                ? new WarmSettings(PlatformChoice.Parse(arguments.GetRequiredValue(platforms)), atOnce, wait, arguments.GetValue(state)?.FullName)
                : throw new CommandFailedException("--max-wait is a time like 30s, 5m or 1h.");
        }

        /// <exception cref="CommandFailedException">Nothing is named, or it cannot be read.</exception>
        public List<NamedImage> Named(ParseResult arguments, ImageSources sources)
        {
            var (files, reports, lists) = (arguments.GetValue(paths) ?? [], arguments.GetValue(coverage) ?? [], arguments.GetValue(list) ?? []);
            if (files.Length + reports.Length + lists.Length == 0)
            {
                throw new CommandFailedException("Name files or folders, --coverage FILE, or --list FILE; - is standard input.");
            }

            if (files.Concat(lists).Count(path => path == FileSelection.StandardInput) > 1)
            {
                throw new CommandFailedException("Standard input can be read once; name it as PATH or as --list.");
            }

            List<NamedImage> named =
            [
                .. files.Length == 0 ? [] : sources.FromFiles(files),
                .. reports.SelectMany(ImageSources.FromCoverage),
                .. lists.SelectMany(sources.FromList),
            ];
            return named.Count > 0 ? named : throw new CommandFailedException("No image is named there.");
        }
    }
}
