using System.CommandLine;

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
                ? FileSelection.Of(kept.Files.Select(recorded => recorded.Path))
                : FileVerb.Select(paths);
            var mode = files.Mode(arguments, selection);
            var set = await rules.ReadAsync(arguments, kept?.Registry, cancellationToken);
            var run = new RestoreRun(set.Rules, rules.Tables(arguments), kept, mode, streams);
            run.Run(selection.Files);
            return mode.Check && run.AnyChange ? ExitCode.Found : ExitCode.Done;
        }));
        return command;
    }
}
