using System.CommandLine;
using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary><c>millpond restore</c>: brings references back to their upstreams; with a record, every byte.</summary>
internal static class RestoreCommand
{
    public static Command Create(Streams streams)
    {
        var files = new FileOptions();
        var rules = new RuleOptions();
        var record = new Option<FileInfo?>("--record") { Description = "The record that rewrite --record kept.", HelpName = "FILE" };
        var command = new Command("restore", "Bring image references back to the upstreams' own; the reverse of rewrite.") { record };
        files.AddTo(command);
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var kept = arguments.GetValue(record) is { } file ? RecordFile.Load(file) : null;
            var paths = files.Paths(arguments);
            var selection = paths.Length == 0 && kept is not null
                ? Recorded(kept, streams)
                : FileVerb.Select(paths);
            var mode = files.Mode(arguments, selection);
            var set = await rules.ReadAsync(arguments, kept?.Registry, cancellationToken);
            var run = new RestoreRun(set.Rules, rules.Tables(arguments), kept, mode, streams);
            run.Run(selection.Files);
            return ExitCode.Of(mode, run.AnyChange, run.AnyFault);
        }));
        return command;
    }

    /// <summary>The files of a record that are still there; of standard input only if it is all there is.</summary>
    private static FileSelection Recorded(RewriteRecord record, Streams streams)
    {
        var paths = record.Files.Select(recorded => recorded.Path).Distinct().ToList();
        if (paths.Exists(path => path != FileSelection.StandardInput))
        {
            paths.Remove(FileSelection.StandardInput);
        }

        var gone = paths.FindAll(path => path != FileSelection.StandardInput && !File.Exists(path));
        if (gone.Count > 0 && gone.Count == paths.Count)
        {
            throw new CommandFailedException(
                $"None of the record's files is there, such as '{gone[0]}'. Their paths are as rewrite was given them: run restore in the same folder, or name the files.");
        }

        foreach (var path in gone)
        {
            streams.Messages.WriteLine($"{path}: is not there any more; passed over.");
        }

        return FileSelection.Of(paths.Except(gone));
    }
}
