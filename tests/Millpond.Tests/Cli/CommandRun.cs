using System.CommandLine;

namespace Millpond.Tests.Cli;

/// <summary>A verb run in this process, with what it printed.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static CommandRun Of(Command verb, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = new RootCommand { verb }.Parse([verb.Name, .. arguments]).Invoke(new() { Output = output, Error = error });
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
