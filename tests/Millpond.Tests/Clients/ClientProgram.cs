using System.Diagnostics;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>What a program that has ended said.</summary>
internal sealed record ClientAnswer(string Command, int ExitCode, string Output, string Errors)
{
    public ClientAnswer ShouldSucceed()
    {
        Assert.True(ExitCode == 0, $"{this}");
        return this;
    }

    public override string ToString() => $"{Command}\n-> exit {ExitCode}\n{Output}\n{Errors}";
}

/// <summary>Runs a real client in a folder of its own, with that folder as its home, so that no cache or credential of this machine counts.</summary>
internal sealed class ClientProgram(string name) : IDisposable
{
    private readonly string program = Path.IsPathRooted(name) ? name : RequireClient.OrSkip(name);
    private readonly TemporaryFolder folder = new();

    public string Folder => folder.Path;

    public Dictionary<string, string> Environment { get; } = [];

    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(1);

    public Task<ClientAnswer> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    public async Task<ClientAnswer> RunWithInputAsync(string input, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(arguments))!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            Assert.Fail($"{name} {string.Join(' ', arguments)} ran longer than {Limit}\n{await output}\n{await errors}");
        }

        return new ClientAnswer($"{name} {string.Join(' ', arguments)}", process.ExitCode, await output, await errors);
    }

    /// <summary>Forgets everything the program has kept.</summary>
    public void RemoveCache()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder);
    }

    public string File(string path) => Path.Join(Folder, path);

    public void Dispose() => folder.Dispose();

    private ProcessStartInfo StartInfo(string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var proxy in (string[])["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
        {
            start.Environment.Remove(proxy);
        }

        start.Environment["HOME"] = Folder;
        start.Environment["XDG_RUNTIME_DIR"] = Folder;
        foreach (var (key, value) in Environment)
        {
            start.Environment[key] = value;
        }

        return start;
    }
}
