using System.Diagnostics;
using Millpond.Cli;
using Millpond.Tests.Clients;

namespace Millpond.Tests.Cli;

public sealed class CompletionCommandTests
{
    private static readonly string Program = Path.Join(AppContext.BaseDirectory, "millpond.dll");

    [Theory]
    [InlineData("millpond rew", "rewrite")]
    [InlineData("millpond mirror con", "containerd")]
    [InlineData("millpond rewrite --reg", "--registry")]
    [InlineData("millpond coverage --format j", "json")]
    [InlineData("millpond completion f", "fish")]
    public async Task Bash_completes_what_the_program_says(string line, string expected)
    {
        var words = line.Split(' ');
        var script = $"""
            millpond() {"{"} dotnet '{Program}' "$@"; {"}"}
            source <(millpond completion bash)
            COMP_LINE='{line}' COMP_POINT={line.Length} COMP_WORDS=({string.Join(' ', words)}) COMP_CWORD={words.Length - 1}
            _millpond
            printf '%s\n' "${"{"}COMPREPLY[@]{"}"}"
            """;
        Assert.Equal([expected], await RunAsync("bash", "-c", script));
    }

    [Theory]
    [InlineData("millpond rew", "rewrite")]
    [InlineData("millpond mirror con", "containerd")]
    [InlineData("millpond rewrite --reg", "--registry")]
    [Trait("Category", "Clients")]
    public async Task Fish_completes_what_the_program_says(string line, string expected)
    {
        var script = $"""
            function millpond; dotnet '{Program}' $argv; end
            millpond completion fish | source
            complete --do-complete '{line}'
            """;
        Assert.Equal([expected], await RunAsync(RequireClient.OrSkip("fish"), "--no-config", "-c", script));
    }

    // compadd and _files are zsh's own words of a completion: here they say what they were given (compadd takes what begins as the word does).
    [Theory]
    [InlineData("millpond rew", "rewrite")]
    [InlineData("millpond mirror con", "containerd")]
    [InlineData("millpond rewrite --reg", "--registry")]
    [Trait("Category", "Clients")]
    public async Task Zsh_completes_what_the_program_says(string line, string expected)
    {
        var script = $"""
            millpond() {"{"} dotnet '{Program}' "$@"; {"}"}
            compdef() {"{"} :; {"}"}
            compadd() {"{"} shift; print -l -- "$@"; {"}"}
            source <(millpond completion zsh)
            words=({line}) CURRENT={line.Split(' ').Length}
            _millpond
            """;
        Assert.Equal([expected], (await RunAsync(RequireClient.OrSkip("zsh"), "-f", "-c", script)).Where(word => word.StartsWith(line.Split(' ')[^1], StringComparison.Ordinal)));
    }

    [Fact]
    public void A_shell_that_is_none_of_them_is_refused() => Assert.NotEqual(0, CommandRun.Of(CompletionCommand.Create(), "tcsh").ExitCode);

    private static async Task<string[]> RunAsync(string program, params string[] arguments)
    {
        using var run = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = run.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await run.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await run.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(run.ExitCode == 0, await errors);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
