using Millpond.Cli.Editing;

namespace Millpond.Cli;

/// <summary>What verbs on files tell a script.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The answer is no: something would change (<c>--check</c>), something is not covered (<c>--fail-uncovered</c>).</summary>
    public const int Found = 1;

    /// <summary>It could not be done: wrong options, a file that cannot be read, a server that does not answer.</summary>
    public const int Failed = 2;

    /// <summary>The answer of a check. What could not be read is not taken for what is as it should be.</summary>
    public static int Of(RunMode mode, bool anyChange, bool anyFault) => mode.Check switch
    {
        true when anyChange => Found,
        true when anyFault => Failed,
        _ => Done,
    };
}
