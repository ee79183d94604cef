using Millpond.Cli.Files;

namespace Millpond.Cli;

/// <summary>What a verb reads and writes beside files. Content is bytes and goes past the console's text writers.</summary>
internal sealed class Streams
{
    public static Streams Console { get; } = new()
    {
        Input = StandardInput.Open,
        Output = () => System.Console.IsOutputRedirected ? System.Console.OpenStandardOutput() : new VisibleStream(System.Console.OpenStandardOutput()),
        Messages = new VisibleWriter(System.Console.Error),
        Width = TerminalWidth(),
    };

    public required Func<Stream> Input { get; init; }

    public required Func<Stream> Output { get; init; }

    public required TextWriter Messages { get; init; }

    /// <summary>How many columns the terminal has that people watch; null where the output goes elsewhere.</summary>
    public int? Width { get; init; }

    /// <summary>Whether people watch the output, so that it may move.</summary>
    public bool IsTerminal => Width is not null;

    private static int? TerminalWidth()
    {
        const int usual = 80;
        try
        {
            return System.Console.IsOutputRedirected ? null : System.Console.WindowWidth is > 0 and var width ? width : usual;
        }
        catch (IOException)
        {
            return usual;
        }
    }
}
