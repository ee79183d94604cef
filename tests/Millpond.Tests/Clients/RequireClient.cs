namespace Millpond.Tests.Clients;

/// <summary>Finds a real client or server; where it is missing the test is skipped, in CI it fails.</summary>
internal static class RequireClient
{
    private const string Remedy = "run tests/tools/install-clients.sh as root on Debian";

    private static readonly Lazy<string> FoundRepository = new(FindRepository);

    /// <summary>The top of the repository.</summary>
    public static string Repository => FoundRepository.Value;

    /// <summary>Where install-clients.sh and make-images.sh put what they make.</summary>
    public static string Tools => Environment.GetEnvironmentVariable("MILLPOND_TOOLS") is { Length: > 0 } folder
        ? folder
        : Path.Join(Repository, ".tools");

    /// <summary>The program's path.</summary>
    public static string OrSkip(string program)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Prepend(Path.Join(Tools, "bin"));
        var found = folders.Select(folder => Path.Join(folder, program)).FirstOrDefault(File.Exists);
        if (found is null)
        {
            var reason = $"{program} is not installed: {Remedy}";
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") is null or "", reason);
            Assert.Fail(reason);
        }

        return found;
    }

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Join(folder, "Millpond.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is in no Millpond repository");
        }

        return folder;
    }
}
