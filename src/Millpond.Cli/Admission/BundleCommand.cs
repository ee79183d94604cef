using System.CommandLine;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;

namespace Millpond.Cli.Admission;

/// <summary><c>millpond admission ca-bundle</c>: whom API servers have to trust, of a server that has made its certificate itself.</summary>
internal static class BundleCommand
{
    private static readonly Option<string?> Data = new("--data") { Description = "The server's data folder [default: ./millpond-data].", HelpName = "DIR" };
    private static readonly Option<FileInfo?> Config = new("--config") { Description = "Take the folder from the server's configuration file.", HelpName = "FILE" };
    private static readonly Option<bool> Pem = new("--pem") { Description = "Print it as PEM, not as one line of base64." };

    public static Command Create()
    {
        var command = new Command("ca-bundle", "Print the caBundle of a server with a certificate of its own.") { Data, Config, Pem };
        command.SetAction(arguments => AdmissionVerb.Print(arguments, () => Read(arguments)));
        return command;
    }

    private static string Read(ParseResult arguments)
    {
        FlagValue[] flags = arguments.GetValue(Data) is { } data ? [new("--data", data)] : [];
        var folder = ConfigurationReader.ReadDataFolder(arguments.GetValue(Config)?.FullName, ProcessEnvironment.Read(), flags, out var mistakes)
            ?? throw new CommandFailedException(new ConfigurationResult(null, mistakes).Describe());
        var pem = SelfSignedCertificate.ReadAuthority(folder) ?? throw new CommandFailedException(
            $"No server has made a certificate in {folder} yet. Start one with --admission --self-signed, or name its folder in --data.");
        return arguments.GetValue(Pem) ? pem : SelfSignedCertificate.Encode(pem) + "\n";
    }
}
