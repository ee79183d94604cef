using System.CommandLine;
using Millpond.Cli.Charts;
using Millpond.Cli.Editing;
using Millpond.Cli.RuleSources;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli;

/// <summary><c>millpond rewrite</c>: brings references to the cache, in the text.</summary>
internal static class RewriteCommand
{
    public static Command Create(Streams streams)
    {
        var files = new EditOptions();
        var rules = new RuleOptions();
        var recordOption = new Option<FileInfo?>("--record") { Description = "Keep what was changed, so that restore gives every byte back.", HelpName = "FILE" };
        var command = new Command("rewrite", "Rewrite image references to the cache; nothing else in the files changes.") { recordOption };
        files.AddTo(command);
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var selection = FileVerb.Select(files.Paths(arguments), streams);
            var mode = files.Mode(arguments, selection);
            var recordFile = arguments.GetValue(recordOption);
            if (recordFile is not null && !mode.InPlace && !mode.ToOutput)
            {
                throw new CommandFailedException("--record keeps what was changed, and --diff and --check change nothing.");
            }

            var set = await rules.ReadAsync(arguments, null, cancellationToken);
            if (mode.InPlace)
            {
                InPlaceFile.RemoveLeftovers(selection.Files);
            }

            var record = recordFile is null ? null : RecordFile.Open(recordFile, set.Registry.ToString());
            var summary = new RunSummary("rewritten");
            var run = new FileRun(new FileRewriter(rules.Tables(arguments), set.Rewriting(), rules.Everywhere(arguments), new ChartFolders().Of), mode, streams, summary, keepsRecord: record is not null);
            run.Run(selection.Files, () => record?.Save(run.Recorded));
            summary.Write(streams.Messages, mode);
            return ExitCode.Of(mode, run.AnyChange, run.AnyFault);
        }));
        return command;
    }
}
