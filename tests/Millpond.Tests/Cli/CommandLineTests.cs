using System.CommandLine;
using Millpond.Cli;

namespace Millpond.Tests.Cli;

/// <summary>What a script sees of mistakes and faults: never the exit code of an answer, never on standard output.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("expects a single argument", "locals", "--registry", "a.example", "--registry", "b.example")]
    [InlineData("'xml' not recognized", "locals", "--format", "xml")]
    [InlineData("Unrecognized command or argument '--frob'", "locals", "--frob")]
    [InlineData("Required argument missing", "locals", "--registry")]
    [InlineData("'frob'", "frob")]
    [InlineData("locals", "--frob")]
    public async Task A_wrong_command_line_is_not_the_answer_no(string told, params string[] arguments)
    {
        using var messages = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync([LocalsCommand.Create()], arguments, messages));
        Assert.Contains(told, messages.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistake_is_not_buried_under_the_page_of_the_verb()
    {
        using var messages = new StringWriter();
        await CommandLine.RunAsync([LocalsCommand.Create()], ["locals", "--frob"], messages);
        Assert.Single(messages.ToString().Trim().Split('\n'));
    }

    [Fact]
    public async Task A_full_disk_behind_standard_output_is_told_in_a_line()
    {
        using var messages = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync([Failing(new IOException("No space left on device"))], ["fail"], messages));
        Assert.Equal("millpond: No space left on device\n", messages.ToString());
    }

    [Fact]
    public async Task A_fault_of_the_program_is_not_the_answer_no_either()
    {
        using var messages = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync([Failing(new InvalidOperationException("odd"))], ["fail"], messages));
        Assert.StartsWith("millpond: a fault of the program itself", messages.ToString(), StringComparison.Ordinal);
        Assert.Contains("odd", messages.ToString(), StringComparison.Ordinal);
    }

    private static Command Failing(Exception failure)
    {
        var command = new Command("fail");
        command.SetAction(int (_) => throw failure);
        return command;
    }
}
