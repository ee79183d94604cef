using System.CommandLine;
using System.Text;
using Millpond.Cli.Charts;
using Millpond.Cli.Cluster;
using Millpond.Cli.Editing;
using Millpond.Cli.Files;
using Millpond.Cli.RuleSources;
using Millpond.Rewriting.Coverage;
using Millpond.Rewriting.Edits;
using Millpond.Server.Telemetry;

namespace Millpond.Cli;

/// <summary><c>millpond coverage</c>: which images are pulled through the cache, and why the others are not.</summary>
internal static class CoverageCommand
{
    private const string Table = "table";
    private const string Markdown = "markdown";
    private const string Json = "json";

    public static Command Create(Streams streams, TimeProvider? time = null)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Files and folders; - for standard input.", Arity = ArgumentArity.ZeroOrMore };
        var format = new Option<string>("--format") { Description = "table, markdown or json.", DefaultValueFactory = _ => Table };
        format.AcceptOnlyFromAmong(Table, Markdown, Json);
        var failUncovered = new Option<bool>("--fail-uncovered") { Description = "Exit with 1 while any image is not covered." };
        var rules = new RuleOptions();
        var command = new Command("coverage", "Say of each image whether it is pulled through the cache, by which rule, and why not.") { paths, format, failUncovered };
        var clusters = new ClusterOptions();
        clusters.AddTo(command);
        rules.AddTo(command);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var (named, cluster) = (arguments.GetValue(paths) ?? [], clusters.Read(arguments));
            var selection = cluster is not null && named.Length == 0 ? FileSelection.Of(named) : FileVerb.Select(named, streams);
            var set = await rules.ReadAsync(arguments, null, cancellationToken);
            var tables = rules.Tables(arguments);
            var rewriter = new FileRewriter(tables, set.Rewriting(), rules.Everywhere(arguments), new ChartFolders().Of);
            var builder = new CoverageBuilder();
            Read(selection, rewriter, streams, builder);
            if (cluster is not null)
            {
                using var connection = ClusterConnection.Open(cluster, time ?? TimeProvider.System);
                await new ClusterImages(connection, cluster, tables, rewriter).ReadAsync(builder, cancellationToken);
            }

            var report = builder.Build();
            if (rules.Server(arguments) is { } server)
            {
                report = await CacheProbe.AskAsync(report, set.Registry, server, cancellationToken);
            }

            await using var output = new StreamWriter(streams.Output(), new UTF8Encoding(false), leaveOpen: true);
            await output.WriteAsync(arguments.GetValue(format) switch
            {
                Json => CoverageFormats.ToJson(report) + "\n",
                Markdown => VisibleText.Lines(CoverageFormats.ToMarkdown(report)),
                _ => CoverageTable.Draw(report, streams.Width),
            });
            return arguments.GetValue(failUncovered) && (report.Summary.Covered < report.Summary.Images || report.NotRead is not null) ? ExitCode.Found : ExitCode.Done;
        }));
        return command;
    }

    private static void Read(FileSelection selection, FileRewriter rewriter, Streams streams, CoverageBuilder builder)
    {
        foreach (var (file, findings) in FileFindings.Of(selection.Files, rewriter))
        {
            foreach (var found in findings?.Found ?? [])
            {
                builder.Add(found);
            }

            foreach (var fault in findings?.Faults ?? ReadInTurn(file, rewriter, streams, builder))
            {
                builder.AddNotRead(new NotRead($"{fault.File}:{fault.Line}", fault.What));
                streams.Messages.WriteLine($"{fault.File}:{fault.Line}: passed over, cannot be read: {fault.What}");
            }
        }
    }

    private static IReadOnlyList<FileFault> ReadInTurn(string file, FileRewriter rewriter, Streams streams, CoverageBuilder builder) => FileVerb.Guard(file, () =>
    {
        using var input = file == FileSelection.StandardInput ? streams.Input() : InputFile.Open(file);
        return rewriter.Rewrite(file, input, null, builder.Add);
    });
}
