using System.CommandLine;

namespace Millpond.Cli.Editing;

/// <summary>The options of verbs that change files: which, and what is done with the result.</summary>
internal sealed class EditOptions
{
    private readonly Argument<string[]> paths = new("PATH")
    {
        Description = "Files and folders; - for standard input.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<bool> inPlace = new("--in-place", "-i") { Description = "Change the files themselves." };
    private readonly Option<bool> diff = new("--diff") { Description = "Show what would change." };
    private readonly Option<bool> check = new("--check") { Description = "Change nothing; exit with 1 while anything would change." };
    private readonly Option<bool> explain = new("--explain") { Description = "Say of each reference why it was changed or not." };

    private readonly Option<bool> quiet = new("--quiet", "-q") { Description = "Say nothing of what was done; only of what went wrong." };

    public void AddTo(Command command)
    {
        command.Arguments.Add(paths);
        foreach (var option in new Option[] { inPlace, diff, check, explain, quiet })
        {
            command.Options.Add(option);
        }
    }

    public string[] Paths(ParseResult arguments) => arguments.GetValue(paths) ?? [];

    /// <exception cref="CommandFailedException">The options do not go together.</exception>
    public RunMode Mode(ParseResult arguments, FileSelection files)
    {
        var mode = new RunMode(
            arguments.GetValue(inPlace), arguments.GetValue(diff), arguments.GetValue(check), arguments.GetValue(explain), arguments.GetValue(quiet));
        if (mode is { InPlace: true, Check: true })
        {
            throw new CommandFailedException("--in-place changes files and --check does not; name one of them.");
        }

        if (!files.IsOne && mode is { InPlace: false, Diff: false, Check: false })
        {
            throw new CommandFailedException("A folder, or several files, need --in-place, --diff or --check.");
        }

        return mode.InPlace && files.Files.Contains(FileSelection.StandardInput)
            ? throw new CommandFailedException("Standard input has no place to be changed in; leave --in-place out.")
            : mode;
    }
}

/// <summary>What is done with the files. With none of the first three, the one file goes to standard output.</summary>
internal readonly record struct RunMode(bool InPlace, bool Diff, bool Check, bool Explain, bool Quiet = false)
{
    public bool ToOutput => !InPlace && !Diff && !Check;
}
