using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The unit in deploy/systemd, judged by systemd itself.</summary>
[Trait("Category", "Clients")]
public sealed class SystemdTests
{
    /// <summary>Of 100; "OK" ends at 49. What is left is .NET's compiling, the network, and paths of the system that it reads.</summary>
    private const int MostExposed = 15;

    [Fact]
    public async Task The_unit_is_right_and_leaves_little_open()
    {
        using var systemd = new ClientProgram("systemd-analyze");
        using var folder = new TemporaryFolder();
        var unit = await File.ReadAllTextAsync(Path.Join(RequireClient.Repository, "deploy/systemd/millpond.service"), TestContext.Current.CancellationToken);
        // The program need not be there to be checked by name.
        var file = folder.Write("millpond.service", unit.Replace("=/opt/millpond/millpond ", "=/bin/true ", StringComparison.Ordinal));

        var verified = (await systemd.RunAsync("verify", file)).ShouldSucceed();
        Assert.Equal(("", ""), (verified.Output, verified.Errors));
        (await systemd.RunAsync("security", "--offline=true", $"--threshold={MostExposed}", file)).ShouldSucceed();
    }
}
