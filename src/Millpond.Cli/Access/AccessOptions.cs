using System.CommandLine;
using Millpond.Server.Access.Signatures;

namespace Millpond.Cli.Access;

/// <summary>Where the server is, and what is said of a new key.</summary>
internal sealed class AccessOptions
{
    private const string UsualServer = "http://127.0.0.1:5000";
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

    public void AddTo(Command command)
    {
        command.Options.Add(server);
        command.Options.Add(ca);
    }

    /// <exception cref="CommandFailedException">It is no URL, or there is no access key.</exception>
    public AccessClient Connect(ParseResult arguments, TimeProvider time)
    {
        var environment = ProcessEnvironment.Read();
        var text = arguments.GetValue(server) ?? (environment.GetValueOrDefault("AWS_ENDPOINT_URL") is { Length: > 0 } url ? url : UsualServer);
        var access = ServerAccess.Of("--server", text, arguments.GetValue(ca), null);
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
