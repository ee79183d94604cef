namespace Millpond.Tests.Clients;

/// <summary>Programs that others find by name, in a folder at the head of their PATH: this build's <c>millpond</c>, or a script.</summary>
internal static class ProgramOnPath
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Gives the client <c>millpond</c>: what MILLPOND_PROGRAM names (a published program), else this build.</summary>
    public static void AddMillpond(this ClientProgram client)
    {
        var dotnet = Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet";
        var folder = Directory.CreateDirectory(client.File("bin")).FullName;
        var program = Environment.GetEnvironmentVariable("MILLPOND_PROGRAM") is { Length: > 0 } published
            ? $"'{published}'"
            : $"'{dotnet}' '{Path.Join(AppContext.BaseDirectory, "millpond.dll")}'";
        client.AddScript("bin/millpond", $"exec {program} \"$@\"");
        client.Environment["PATH"] = $"{folder}:{Environment.GetEnvironmentVariable("PATH")}";
    }

    /// <summary>The script's path.</summary>
    public static string AddScript(this ClientProgram client, string name, string line)
    {
        Assert.False(OperatingSystem.IsWindows());
        var script = client.File(name);
        File.WriteAllText(script, $"#!/bin/sh\n{line}\n");
        File.SetUnixFileMode(script, Executable);
        return script;
    }

    /// <summary>Copies a folder of the repository to where the client runs.</summary>
    public static void AddFolder(this ClientProgram client, string source, string target)
    {
        var from = Path.Join(RequireClient.Repository, source);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var to = client.File(Path.Join(target, Path.GetRelativePath(from, file)));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
    }
}
