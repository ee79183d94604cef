using System.Diagnostics;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

/// <summary>What <c>serve</c> says to a person at a terminal, and to whatever else reads it. <c>script</c>, which every Debian has, makes the terminal.</summary>
public sealed class ServeOutputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static string Program => Path.Join(AppContext.BaseDirectory, "millpond");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task On_a_terminal_it_writes_text_and_ends_on_control_C_with_a_word()
    {
        // Whoever runs the tests in the background ignores Ctrl-C, and all that is started there with it; a shell that stays between (dash does)
        // would die of it, and script tells that as the status.
        using var process = Start("env", ["--default-signal=INT", "script", "-q", "-e", "-f", "-c", $"exec '{Program}' serve --listen http://127.0.0.1:0 --data '{folder.File("data")}'", "/dev/null"]);
        var started = await ReadUntilAsync(process, "ready; try: docker pull 127.0.0.1:");
        Assert.Contains("listening on http://127.0.0.1:", started, StringComparison.Ordinal);
        Assert.DoesNotContain("{\"", started, StringComparison.Ordinal);

        await process.StandardInput.WriteAsync("\x03");
        await process.StandardInput.FlushAsync();

        await ReadUntilAsync(process, "stopped, 0 downloads kept");
        await process.WaitForExitAsync().WaitAsync(Patience.Limit);
        Assert.Equal(0, process.ExitCode);
    }

    [Theory]
    [InlineData(null, "{\"time\":")]
    [InlineData("text", "ready; try")]
    public async Task Elsewhere_it_writes_JSON_unless_told_otherwise(string? format, string expected)
    {
        using var process = Start(Program, ["serve", "--listen", "http://127.0.0.1:0", "--data", folder.File("data")], format);
        var line = await ReadUntilAsync(process, "ready; try");
        Assert.Equal(format is null, line.StartsWith('{'));
        Assert.Contains(expected, line, StringComparison.Ordinal);
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(Patience.Limit);
    }

    private static Process Start(string program, string[] arguments, string? format = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MILLPOND", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        if (format is not null)
        {
            start.Environment["MILLPOND__LOG__FORMAT"] = format;
        }

        return Process.Start(start)!;
    }

    private static async Task<string> ReadUntilAsync(Process process, string text)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        var read = "";
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            read += line + '\n';
            if (line.Contains(text, StringComparison.Ordinal))
            {
                return read;
            }
        }

        Assert.Fail($"It ended before it said '{text}':\n{read}");
        return read;
    }
}
