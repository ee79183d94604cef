namespace Millpond.Cli;

/// <summary>What a verb reads and writes beside files. Content is bytes and goes past the console's text writers.</summary>
internal sealed class Streams
{
    public static Streams Console { get; } = new()
    {
        Input = System.Console.OpenStandardInput,
        Output = System.Console.OpenStandardOutput,
        Messages = System.Console.Error,
        IsTerminal = !System.Console.IsOutputRedirected,
    };

    public required Func<Stream> Input { get; init; }

    public required Func<Stream> Output { get; init; }

    public required TextWriter Messages { get; init; }

    /// <summary>Whether people watch the output, so that it may move.</summary>
    public bool IsTerminal { get; init; }
}
