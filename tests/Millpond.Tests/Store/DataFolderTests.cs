using System.Diagnostics;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Store;

public sealed class DataFolderTests : IDisposable
{
    private readonly DirectoryInfo parent = Directory.CreateTempSubdirectory("millpond-data-");

    private string Data => Path.Join(parent.FullName, "deep", "data");

    public void Dispose() => parent.Delete(recursive: true);

    [Fact]
    public void A_new_folder_is_made_with_its_parts_for_this_user_alone()
    {
        using var folder = DataFolder.Open(Data);

        Assert.Equal(Data, folder.Path);
        Assert.True(Directory.Exists(folder.StorePath));
        Assert.True(Directory.Exists(folder.StagingPath));
        Assert.True(Directory.Exists(folder.CatalogPath));
        Assert.Equal("1\n", File.ReadAllText(Path.Join(Data, "format")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
        Assert.Equal(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), folder.BootId);
    }

    [Fact]
    public void What_was_open_to_others_is_closed_with_all_its_files()
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        const UnixFileMode open = ownerOnly | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        string[] parts = ["store", "staging", "catalog", "secrets"];
        foreach (var part in parts)
        {
            foreach (var path in new[] { Path.Join(Data, part), Path.Join(Data, part, "deep") })
            {
                Directory.CreateDirectory(path);
                File.WriteAllText(Path.Join(path, "file"), "private");
                File.SetUnixFileMode(path, open);
                File.SetUnixFileMode(Path.Join(path, "file"), open);
            }
        }

        using var folder = DataFolder.Open(Data);

        Assert.True(folder.IsPrivate);
        foreach (var part in parts.SelectMany(part => new[] { part, $"{part}/deep" }))
        {
            Assert.Equal(ownerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Join(Data, part)));
            Assert.Equal(ownerOnly, File.GetUnixFileMode(Path.Join(Data, part, "file")));
        }
    }

    [Fact]
    public async Task A_servers_files_are_its_users_alone()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 8101), "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullAsync("up/team/app", TestImages.OnePlatform(seed: 8101), "1");
        await host.Log.WhenLineAsync("Filled", times: 3);

        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        var entries = new[] { "store", "staging", "catalog" }.SelectMany(part => Directory.GetFileSystemEntries(Path.Join(host.DataFolder, part), "*", SearchOption.AllDirectories)).ToArray();
        Assert.Contains(entries, entry => entry.EndsWith("catalog.db-wal", StringComparison.Ordinal));
        Assert.All(entries, entry => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(entry) & others));
    }

    [Fact]
    public void A_second_server_on_the_folder_is_refused_and_told_who_has_it()
    {
        using var first = DataFolder.Open(Data);

        var refused = Assert.Throws<DataFolderException>(() => DataFolder.Open(Data));

        Assert.Contains("in use", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--data", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_process_holds_the_lock_until_it_dies()
    {
        DataFolder.Open(Data).Dispose();
        File.WriteAllText(Path.Join(Data, "lock.owner"), "not what it should be");

        // flock(1) takes the same lock; its end by kill -9 releases it.
        using var holder = Process.Start(new ProcessStartInfo("flock", [Path.Join(Data, "lock"), "sh", "-c", "echo held; read end"])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        })!;
        Assert.Equal("held", holder.StandardOutput.ReadLine());
        var refused = Assert.Throws<DataFolderException>(() => DataFolder.Open(Data));
        Assert.Contains("another millpond", refused.Message, StringComparison.Ordinal);

        holder.Kill(entireProcessTree: true);
        holder.WaitForExit();
        holder.StandardOutput.ReadToEnd();
        DataFolder.Open(Data).Dispose();
    }

    [Fact]
    public void A_closed_folder_opens_again_and_keeps_what_is_in_it()
    {
        using (var first = DataFolder.Open(Data))
        {
            File.WriteAllText(Path.Join(first.StorePath, "blob"), "bytes");
        }

        Assert.False(File.Exists(Path.Join(Data, "lock.owner")));
        using var second = DataFolder.Open(Data);
        Assert.Equal("bytes", File.ReadAllText(Path.Join(second.StorePath, "blob")));
    }

    [Theory]
    [InlineData("2\n", "has format 2")]
    [InlineData("", "no format's number")]
    [InlineData("one", "no format's number")]
    [InlineData("0", "no format's number")]
    public void A_format_that_is_not_ours_is_refused_and_the_folder_let_go(string format, string reason)
    {
        DataFolder.Open(Data).Dispose();
        File.WriteAllText(Path.Join(Data, "format"), format);

        Assert.Contains(reason, Assert.Throws<DataFolderException>(() => DataFolder.Open(Data)).Message, StringComparison.Ordinal);

        File.WriteAllText(Path.Join(Data, "format"), "1");
        DataFolder.Open(Data).Dispose();
    }

    [Fact]
    public void A_file_is_no_data_folder()
    {
        var file = Path.Join(parent.FullName, "file");
        File.WriteAllText(file, "");
        Assert.Contains("is a file", Assert.Throws<DataFolderException>(() => DataFolder.Open(file)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be made", Assert.Throws<DataFolderException>(() => DataFolder.Open(Path.Join(file, "below"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/proc/millpond", "cannot be made")]
    [InlineData("/proc/sys", "cannot be written")]
    public void A_folder_that_takes_no_files_is_refused(string path, string reason) =>
        Assert.Contains(reason, Assert.Throws<DataFolderException>(() => DataFolder.Open(path)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_probe_says_whether_files_are_taken_and_leaves_none()
    {
        using var folder = DataFolder.Open(Data);
        Assert.True(folder.CheckWritable(out var why), why);
        Assert.Equal("", why);
        Assert.Empty(Directory.GetFiles(folder.StagingPath));

        Directory.Delete(folder.StagingPath);
        Assert.False(folder.CheckWritable(out why));
        Assert.Contains(Data, why, StringComparison.Ordinal);
    }
}
