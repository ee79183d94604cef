using System.CommandLine;
using Millpond.Cli;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Cli;

/// <summary>What the documentation says to type is something the program takes, word for word.</summary>
public sealed class DocumentedCommandTests
{
    public static TheoryData<string, string> Commands { get; } =
        [.. CommandBlocks.All.SelectMany(block => CommandBlocks.OfMillpond(block.Script).Select(words => (block.Page, string.Join(' ', words))))];

    [Theory]
    [MemberData(nameof(Commands))]
    public void The_program_takes_it(string page, string command)
    {
        var parsed = Root().Parse(command.Split(' '));

        Assert.True(parsed.Errors.Count == 0, $"{page}: millpond {command}\n{string.Join('\n', parsed.Errors.Select(error => error.Message))}");
        Assert.NotSame(parsed.RootCommandResult, parsed.CommandResult);
    }

    [Fact]
    public void There_are_some_of_every_page_that_shows_the_program()
    {
        var pages = Commands.Select(row => row.Data.Item1).Distinct().ToList();
        Assert.Superset(new HashSet<string> { "README.md", "docs/nodes.md", "docs/rewriting.md", "docs/warm.md" }, pages.ToHashSet());
    }

    private static RootCommand Root() =>
    [
        ServeCommand.Create(), RewriteCommand.Create(Streams.Console), RestoreCommand.Create(Streams.Console), CoverageCommand.Create(Streams.Console),
        WarmCommand.Create(Streams.Console, TimeProvider.System), MirrorCommand.Create(), LocalsCommand.Create(), AdmissionCommand.Create(),
        AccessCommand.Create(Streams.Console, TimeProvider.System), CostCommand.Create(Streams.Console),
        LifecycleCommand.Create(Streams.Console, TimeProvider.System),
        PinCommand.Create(Streams.Console, TimeProvider.System),
    ];
}
