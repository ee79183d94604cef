using System.Diagnostics;
using System.Globalization;

namespace Millpond.Tests.Fixtures;

/// <summary>A disk of a few megabytes in memory, laid over a folder; needs root, else the test is skipped.</summary>
public sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static SmallDisk Mount(string path, int megabytes)
    {
        Assert.SkipUnless(Environment.UserName == "root", "Mounting a small disk needs root.");
        Directory.CreateDirectory(path);
        Run("mount", "-t", "tmpfs", "-o", $"size={megabytes.ToString(CultureInfo.InvariantCulture)}m", "millpond-test", path);
        return new SmallDisk(path);
    }

    public void Dispose() => Run("umount", "-l", Path);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} failed with {process.ExitCode}");
    }
}
