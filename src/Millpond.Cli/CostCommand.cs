using System.CommandLine;
using System.Text;
using System.Text.Json;
using Millpond.Cli.Costs;
using Millpond.Cli.Editing;

namespace Millpond.Cli;

/// <summary><c>millpond cost</c>: what a running server stores and saves, and what that costs there and would cost on ECR.</summary>
internal static class CostCommand
{
    private const string Table = "table";
    private const string Json = "json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(Streams streams)
    {
        var server = new Option<string?>("--server")
        {
            Description = "The running server, or its listener for operations [default: AWS_ENDPOINT_URL, else http://127.0.0.1:5000].",
            HelpName = "URL",
        };
        var ca = new Option<FileInfo?>("--ca") { Description = "Whom to believe about the server's certificate: a PEM file.", HelpName = "FILE" };
        var authFile = new Option<FileInfo?>("--auth-file")
        {
            Description = "Where the login is for a server that asks for one: a file as docker login writes it [default: docker's own].",
            HelpName = "FILE",
        };
        var format = new Option<string>("--format") { Description = "table or json.", DefaultValueFactory = _ => Table };
        format.AcceptOnlyFromAmong(Table, Json);
        var command = new Command("cost", "Say what a running server stores and saves, and what a month of it costs there and on ECR.") { server, ca, authFile, format };
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            var access = ServerAccess.OrUsual(arguments.GetValue(server), ProcessEnvironment.Read(), arguments.GetValue(ca), arguments.GetValue(authFile));
            var report = await ServerCosts.ReadAsync(access, cancellationToken);
            await using var output = new StreamWriter(streams.Output(), new UTF8Encoding(false), leaveOpen: true);
            await output.WriteAsync(arguments.GetValue(format) == Json ? report.ToJsonString(Indented) + "\n" : CostTable.Draw(report, streams.Width));
            return ExitCode.Done;
        }));
        return command;
    }
}
