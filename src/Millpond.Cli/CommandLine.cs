using System.CommandLine;
using System.CommandLine.Invocation;

namespace Millpond.Cli;

/// <summary>Runs what a command line says. A script reads the exit code and what is printed, so a mistake is neither an answer nor content.</summary>
internal static class CommandLine
{
    /// <param name="root">The program with its verbs.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="messages">Standard error.</param>
    public static async Task<int> RunAsync(RootCommand root, string[] arguments, TextWriter messages)
    {
        var parsed = root.Parse(arguments);
        try
        {
            if (parsed.Action is ParseErrorAction mistake)
            {
                // The page of a verb would push the mistake off the screen; a list of verbs is what one looks for who named none.
                mistake.ShowHelp = parsed.CommandResult.Command.Subcommands.Count > 0;
                await parsed.InvokeAsync(new() { Output = messages, Error = messages });
                return ExitCode.Failed;
            }

            // Signals are handled by the verbs: the parser's own handling would end a stop in good order after two seconds.
            return await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false, Error = messages });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            await messages.WriteLineAsync($"millpond: {failure.Message}");
            return ExitCode.Failed;
        }
        catch (Exception failure)
        {
            await messages.WriteLineAsync($"millpond: a fault of the program itself; please report it with what follows.\n{failure}");
            return ExitCode.Failed;
        }
    }
}
