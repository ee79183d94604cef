using Millpond.Images;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Store;

public sealed class DisownTests
{
    [Fact]
    public async Task However_its_note_is_written_meanwhile_what_was_disowned_is_nobodys()
    {
        using var folder = new TemporaryFolder();
        var store = new BlobStore(folder.File("store"), folder.File("staging"), "boot", new DiskSpace(() => (1L << 40, 1L << 40), size => size, _ => 0));
        for (var i = 0; i < 300; i++)
        {
            var staging = store.Begin(Digest.Sha256(BitConverter.GetBytes(i)), 1000, "up", "up/team/app", origin: 7);
            staging.Append("some bytes"u8);
            using var start = new Barrier(2);

            // As the flush in the background does.
            var writing = Task.Run(() =>
            {
                start.SignalAndWait();
                staging.WriteNote(1);
            });
            start.SignalAndWait();
            staging.Disown();
            await writing;
            Assert.Null(store.FindPartialOwner(staging.Digest));
            await staging.DiscardAsync();
        }
    }
}
