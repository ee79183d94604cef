using System.Diagnostics;
using System.Globalization;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Store;

public sealed class TrimTests
{
    private const int Megabyte = 1024 * 1024;

    /// <summary>As kill -9 leaves it: one of 64 MB written, all of it allocated.</summary>
    [Fact]
    public async Task What_a_killed_download_had_reserved_is_given_back_at_the_start()
    {
        using var folder = new TemporaryFolder();
        var blob = TestBlob.Generated(seed: 351, length: Megabyte);
        var killed = NewStore(folder);
        var staging = killed.Begin(blob.Digest, 64 * Megabyte, "up", "up/team/app");
        using var promise = killed.Disk.TryPromise(64 * Megabyte, out _)!;
        staging.Append(blob.ToArray());
        await staging.SettleInBackground(promise);
        var path = Path.Join(folder.File("staging"), $"{blob.Digest.Algorithm}-{blob.Digest.Hex}");
        Assert.SkipUnless(await AllocatedAsync(path) > 32 * Megabyte, "This file system reserves nothing.");

        var store = NewStore(folder);
        store.Sweep(DateTimeOffset.UtcNow.AddDays(-1));
        Assert.InRange(await AllocatedAsync(path), Megabyte, 2 * Megabyte);
        Assert.Equal(Megabyte, store.Disk.Staged);
        var taken = store.TryResume(blob.Digest);
        Assert.Equal(Megabyte, taken?.Written);
        await taken!.DiscardAsync();
        await staging.DiscardAsync();
    }

    private static BlobStore NewStore(TemporaryFolder folder) =>
        new(folder.File("store"), folder.File("staging"), "boot", new DiskSpace(() => (1L << 40, 1L << 40), size => size, _ => 0));

    /// <summary>What the file takes of the disk, which .NET does not say.</summary>
    private static async Task<long> AllocatedAsync(string path)
    {
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b", path]) { RedirectStandardOutput = true })!;
        var blocks = await stat.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return long.Parse(blocks, CultureInfo.InvariantCulture) * 512;
    }
}
