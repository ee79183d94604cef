using System.CommandLine;
using System.Text;
using Millpond.Cli;

namespace Millpond.Tests.Cli;

/// <summary>A verb that reads and writes streams, run in this process, with what it wrote.</summary>
internal sealed record VerbRun(int ExitCode, string Output, string Messages)
{
    public static async Task<VerbRun> OfAsync(
        Func<Streams, Command> create, string input, IEnumerable<string> arguments, CancellationToken cancellationToken = default)
    {
        using var output = new MemoryStream();
        var messages = new StringWriter();
        var verb = create(new Streams { Input = () => new MemoryStream(Encoding.UTF8.GetBytes(input)), Output = () => output, Messages = messages });
        var parsed = new RootCommand { verb }.Parse([verb.Name, .. arguments]);
        Assert.Empty(parsed.Errors.Select(error => error.Message));
        var exitCode = await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null }, cancellationToken);
        return new VerbRun(exitCode, Encoding.UTF8.GetString(output.ToArray()), messages.ToString());
    }
}
