using System.CommandLine;
using System.Text;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli;

/// <summary><c>millpond coverage</c>: which images are pulled through the cache, and why the others are not.</summary>
internal static class CoverageCommand
{
    private const string Table = "table";
    private const string Markdown = "markdown";
    private const string Json = "json";

    public static Command Create(Streams streams)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Files and folders; - for standard input.", Arity = ArgumentArity.ZeroOrMore };
        var format = new Option<string>("--format") { Description = "table, markdown or json.", DefaultValueFactory = _ => Table };
        format.AcceptOnlyFromAmong(Table, Markdown, Json);
        var failUncovered = new Option<bool>("--fail-uncovered") { Description = "Exit with 1 while any image is not covered." };
        var rules = new RuleOptions();
        var command = new Command("coverage", "Say of each image whether it is pulled through the cache, by which rule, and why not.") { paths, format, failUncovered };
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var selection = FileVerb.Select(arguments.GetValue(paths) ?? []);
            var set = await rules.ReadAsync(arguments, null, cancellationToken);
            var report = Read(selection, new FileRewriter(rules.Tables(arguments), set.Rewriting()), streams);
            if (rules.Server(arguments) is { } server)
            {
                report = await CacheProbe.AskAsync(report, set.Registry, server, cancellationToken);
            }

            await using var output = new StreamWriter(streams.Output(), new UTF8Encoding(false), leaveOpen: true);
            await output.WriteAsync(arguments.GetValue(format) switch
            {
                Json => CoverageFormats.ToJson(report) + "\n",
                Markdown => CoverageFormats.ToMarkdown(report),
                _ => CoverageTable.Draw(report),
            });
            return arguments.GetValue(failUncovered) && report.Summary.Covered < report.Summary.Images ? ExitCode.Found : ExitCode.Done;
        }));
        return command;
    }

    private static CoverageReport Read(FileSelection selection, FileRewriter rewriter, Streams streams)
    {
        var builder = new CoverageBuilder();
        foreach (var file in selection.Files)
        {
            using var input = file == FileSelection.StandardInput ? streams.Input() : File.OpenRead(file);
            var report = rewriter.Rewrite(file, input, null);
            foreach (var fault in report.Faults)
            {
                streams.Messages.WriteLine($"{fault.File}:{fault.Line}: passed over, cannot be read: {fault.What}");
            }

            builder.Add(report);
        }

        return builder.Build();
    }
}
