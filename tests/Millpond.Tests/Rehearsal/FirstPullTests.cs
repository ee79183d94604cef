using Millpond.Server.Configuration;
using Millpond.Server.Rehearsal;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Rehearsal;

public sealed class FirstPullTests
{
    [Fact]
    public async Task It_pulls_and_leaves_no_trace_on_disk_upstream_or_in_metrics()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        var before = Directory.EnumerateFileSystemEntries(host.DataFolder, "*", SearchOption.AllDirectories).Order().ToArray();
        var configuration = new ServerConfiguration { Listen = [host.Address], Data = host.DataFolder, Rules = [MillpondHost.Rule("up", upstream)] };

        Assert.True(await FirstPull.RehearseAsync(configuration, TimeProvider.System, CancellationToken.None));

        Assert.Equal(before, Directory.EnumerateFileSystemEntries(host.DataFolder, "*", SearchOption.AllDirectories).Order());
        Assert.Equal(0, upstream.Connections);
        var metrics = await host.Client.GetStringAsync(new Uri(host.Address, "/metrics"));
        Assert.DoesNotContain("rehearsal", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("millpond_pulls_total{", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_listens_with_TLS_rehearses_with_it()
    {
        using var folder = new TemporaryFolder();
        using var authority = new TestCertificates();
        var (certificate, key) = authority.IssueFiles(folder, "tls");
        var configuration = new ServerConfiguration { Listen = [new("https://127.0.0.1:0")], Tls = new TlsFiles(certificate, key), Data = folder.File("data") };

        Assert.True(await FirstPull.RehearseAsync(configuration, TimeProvider.System, CancellationToken.None));
    }

    [Fact]
    public async Task What_a_killed_one_has_left_is_in_no_ones_way()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data/rehearsal/store/sha256/ab"));
        await File.WriteAllTextAsync(folder.File("data/rehearsal/store/sha256/ab/left"), "left");
        var configuration = new ServerConfiguration { Listen = [new("http://127.0.0.1:0")], Data = folder.File("data") };

        Assert.True(await FirstPull.RehearseAsync(configuration, TimeProvider.System, CancellationToken.None));
        Assert.False(Directory.Exists(folder.File("data/rehearsal")));
    }

    [Fact]
    public async Task Where_it_cannot_be_it_is_not_and_says_so()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("data"), "a file");
        var configuration = new ServerConfiguration { Listen = [new("http://127.0.0.1:0")], Data = folder.File("data") };

        Assert.False(await FirstPull.RehearseAsync(configuration, TimeProvider.System, CancellationToken.None));
        Assert.False(await FirstPull.RehearseAsync(configuration with { Data = folder.File("other") }, TimeProvider.System, new CancellationToken(canceled: true)));
        Assert.False(await FirstPull.RehearseAsync(configuration with { Data = folder.File("other"), Listen = [] }, TimeProvider.System, CancellationToken.None));
        Assert.False(Directory.Exists(folder.File("other/rehearsal")));
    }
}
