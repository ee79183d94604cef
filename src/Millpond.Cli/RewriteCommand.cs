using System.CommandLine;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli;

/// <summary><c>millpond rewrite</c>: brings references to the cache, in the text.</summary>
internal static class RewriteCommand
{
    public static Command Create(Streams streams)
    {
        var files = new FileOptions();
        var rules = new RuleOptions();
        var recordOption = new Option<FileInfo?>("--record") { Description = "Keep what was changed, so that restore gives every byte back.", HelpName = "FILE" };
        var command = new Command("rewrite", "Rewrite image references to the cache; nothing else in the files changes.") { recordOption };
        files.AddTo(command);
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var selection = FileVerb.Select(files.Paths(arguments));
            var mode = files.Mode(arguments, selection);
            var recordFile = arguments.GetValue(recordOption);
            if (recordFile is not null && !mode.InPlace && !mode.ToOutput)
            {
                throw new CommandFailedException("--record keeps what was changed, and --diff and --check change nothing.");
            }

            var set = await rules.ReadAsync(arguments, null, cancellationToken);
            var record = recordFile is null ? null : RecordFile.Open(recordFile, set.Registry.ToString());
            var run = new FileRun(new FileRewriter(rules.Tables(arguments), set.Rewriting()), mode, streams, keepsRecord: record is not null);
            run.Run(selection.Files, () => record?.Save(run.Recorded));
            return ExitCode.Of(mode, run.AnyChange, run.AnyFault);
        }));
        return command;
    }
}
