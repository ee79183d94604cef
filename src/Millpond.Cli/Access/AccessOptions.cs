using System.CommandLine;
using System.Text;
using Millpond.Cli.Editing;
using Millpond.Server.Access.Signatures;

namespace Millpond.Cli.Access;

/// <summary>Where the server is, and what is said of a new key.</summary>
internal sealed class AccessOptions
{
    private const long LongestPolicy = 64 * 1024;

    private readonly Option<string?> server = new("--server")
    {
        Description = "The running server [default: AWS_ENDPOINT_URL, else http://127.0.0.1:5000].",
        HelpName = "URL",
    };

    private readonly Option<FileInfo?> ca = new("--ca") { Description = "Whom to believe about the server's certificate: a PEM file.", HelpName = "FILE" };

    public Option<string[]> Policy { get; } = new("--policy")
    {
        Description = "PullOnly, ReadOnly, PowerUser, FullAccess, Observer, or a file with a policy document. Repeatable.",
        HelpName = "NAME|FILE",
        Required = true,
    };

    public Option<string> Format { get; } = new Option<string>("--format")
    {
        Description = "How the key is printed.",
        DefaultValueFactory = _ => KeyFormat.Names[0],
    }.AcceptOnlyFromAmong(KeyFormat.Names);

    /// <summary>A command of calls to the server, which is told where that is.</summary>
    /// <param name="run">Calls, and gives what is printed.</param>
    public Command Runs(Command command, Streams streams, TimeProvider time, Func<AccessClient, ParseResult, CancellationToken, Task<string>> run) =>
        Runs(command, streams, time, async (client, arguments, write, cancellationToken) => await write(await run(client, arguments, cancellationToken)));

    /// <summary>A command of calls to the server, which is told where that is.</summary>
    /// <param name="run">Calls, and prints as it comes: there may be much of it.</param>
    public Command Runs(Command command, Streams streams, TimeProvider time, Func<AccessClient, ParseResult, Func<string, Task>, CancellationToken, Task> run)
    {
        command.Options.Add(server);
        command.Options.Add(ca);
        command.SetAction((arguments, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            using var client = Connect(arguments, time);
            await using var output = streams.Output();
            await run(client, arguments, async text => await output.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken), cancellationToken);
            return ExitCode.Done;
        }));
        return command;
    }

    /// <exception cref="CommandFailedException">It is no URL, or there is no access key.</exception>
    private AccessClient Connect(ParseResult arguments, TimeProvider time)
    {
        var environment = ProcessEnvironment.Read();
        var access = ServerAccess.OrUsual(arguments.GetValue(server), environment, arguments.GetValue(ca), null);
        return AwsCredentials.Find(name => environment.GetValueOrDefault(name), out var why) is { } credentials
            ? new(access, credentials, time)
            : throw new CommandFailedException(
                $"There is no access key: {why}. The server wrote its first key to root-credentials in its data folder: AWS_SHARED_CREDENTIALS_FILE=DATA/root-credentials.");
    }

    /// <summary>The policies: names as they are, files by what they hold.</summary>
    /// <exception cref="CommandFailedException">A file cannot be read.</exception>
    public IEnumerable<string> ReadPolicies(ParseResult arguments)
    {
        foreach (var written in arguments.GetRequiredValue(Policy))
        {
            if (!File.Exists(written))
            {
                yield return written;
                continue;
            }

            var file = new FileInfo(written);
            yield return file.Length <= LongestPolicy ? File.ReadAllText(written) : throw new CommandFailedException($"--policy {written}: the file is too large for a policy.");
        }
    }
}
