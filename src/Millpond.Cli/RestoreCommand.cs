using System.CommandLine;
using Millpond.Cli.Editing;
using Millpond.Cli.Files;
using Millpond.Cli.RuleSources;
using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary><c>millpond restore</c>: brings references back to their upstreams; with a record, every byte.</summary>
internal static class RestoreCommand
{
    public static Command Create(Streams streams)
    {
        var files = new EditOptions();
        var rules = new RuleOptions();
        var record = new Option<FileInfo?>("--record") { Description = "The record that rewrite --record kept.", HelpName = "FILE" };
        var under = new Option<DirectoryInfo?>("--under")
        {
            Description = "The folder that the record's files are in; one that is elsewhere is refused [default: the current folder].",
            HelpName = "DIR",
        };
        var command = new Command("restore", "Bring image references back to the upstreams' own; the reverse of rewrite.") { record, under };
        files.AddTo(command);
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var kept = arguments.GetValue(record) is { } file ? RecordFile.Load(file) : null;
            var paths = files.Paths(arguments);
            if (arguments.GetValue(under) is not null && (kept is null || paths.Length > 0))
            {
                throw new CommandFailedException("--under is about the files of a --record, and there is none or files are named.");
            }

            var selection = paths.Length == 0 && kept is not null
                ? Recorded(kept, arguments.GetValue(under)?.FullName ?? ".", streams)
                : FileVerb.Select(paths, streams);
            var mode = files.Mode(arguments, selection);
            var set = await rules.ReadAsync(arguments, kept?.Registry, cancellationToken);
            if (mode.InPlace)
            {
                InPlaceFile.RemoveLeftovers(selection.Files);
            }

            var summary = new RunSummary("restored");
            var run = new RestoreRun(set.Rules, rules.Tables(arguments), kept, mode, streams, summary, rules.Everywhere(arguments));
            run.Run(selection.Files);
            summary.Write(streams.Messages, mode);
            return ExitCode.Of(mode, run.AnyChange, run.AnyFault);
        }));
        return command;
    }

    /// <summary>The files of a record that are still there; of standard input only if it is all there is.</summary>
    private static FileSelection Recorded(RewriteRecord record, string under, Streams streams)
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

        // A record is a file like any other: whoever wrote it does not choose which files of the machine are changed.
        if (paths.Except(gone).FirstOrDefault(path => path != FileSelection.StandardInput && !RealPath.IsInside(path, under)) is { } outside)
        {
            throw new CommandFailedException(
                $"The record names {outside}, which is not in {Path.GetFullPath(under)}; nothing was changed. If it is meant, name the files, or a folder that has them all with --under DIR.");
        }

        foreach (var path in gone)
        {
            streams.Messages.WriteLine($"{path}: is not there any more; passed over.");
        }

        return FileSelection.Of(paths.Except(gone));
    }
}
