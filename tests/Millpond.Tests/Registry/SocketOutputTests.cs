using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Registry.Sending;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>Bytes from memory and from files in one stream, to a peer that reads as it likes.</summary>
public sealed class SocketOutputTests : IDisposable
{
    private const int FileLength = 6 << 20;

    private readonly TemporaryFolder folder = new();
    private readonly byte[] content = TestBlob.Generated(77, FileLength).ToArray();
    private readonly SafeFileHandle file;
    private int ends;

    public SocketOutputTests()
    {
        File.WriteAllBytes(folder.File("blob"), content);
        file = File.OpenHandle(folder.File("blob"));
    }

    public void Dispose()
    {
        file.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(1, 1 << 20)]
    [InlineData(2, 100_000)]
    [InlineData(3, 777)]
    public async Task What_is_written_and_given_comes_in_its_order_and_whole(int seed, int readAtOnce)
    {
        var random = new Random(seed);
        var (sender, receiver) = await ConnectAsync();
        using (sender)
        using (receiver)
        {
            var output = Over(sender);
            using var expected = new MemoryStream();
            var limit = readAtOnce < 1000 ? 1 << 20 : 24 << 20;
            var reading = ReadToEndAsync(receiver, readAtOnce);
            while (expected.Length < limit)
            {
                for (var pieces = random.Next(1, 4); pieces > 0; pieces--)
                {
                    Put(output, expected, random);
                }

                if (random.Next(2) == 0)
                {
                    // As TLS does: written and sent at once, after what was written before.
                    var (offset, length) = (random.Next(FileLength / 2), random.Next(1, 100_000));
                    expected.Write(content, offset, length);
                    Assert.False((await output.WriteAsync(content.AsMemory(offset, length))).IsCompleted);
                }

                Assert.False((await output.FlushAsync()).IsCompleted);
                Assert.Equal(0, output.UnflushedBytes);
            }

            output.Complete();
            sender.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, ends);
            Assert.Equal(Digest.Sha256(expected.GetBuffer().AsSpan(0, (int)expected.Length)), Digest.Sha256(await reading));
        }
    }

    [Fact]
    public async Task A_file_that_ends_too_soon_ends_the_connection()
    {
        var (sender, receiver) = await ConnectAsync();
        using (sender)
        using (receiver)
        {
            var output = Over(sender);
            Assert.Equal(5000, output.TryGive(output, new FileRange(file, FileLength - 4000, 5000)));
            Assert.True((await output.FlushAsync()).IsCompleted);
            output.Write("more"u8);
            Assert.True((await output.FlushAsync()).IsCompleted);
            sender.Shutdown(SocketShutdown.Send);
            Assert.Equal(4000, (await ReadToEndAsync(receiver, 1 << 16)).Length);
            Assert.Equal(1, ends);
        }
    }

    [Fact]
    public async Task A_peer_that_has_gone_is_told_and_nothing_more_is_sent()
    {
        var (sender, receiver) = await ConnectAsync();
        using (sender)
        {
            var output = Over(sender);
            receiver.Close(0);
            var isGone = false;
            for (var i = 0; i < 1000 && !isGone; i++)
            {
                Assert.Equal(SocketOutput.LargestGrant, output.TryGive(output, new FileRange(file, 0, FileLength)));
                isGone = (await output.FlushAsync()).IsCompleted;
            }

            Assert.True(isGone);
            Assert.Equal(1, ends);
            output.Write("more"u8);
            Assert.True((await output.FlushAsync()).IsCompleted);
            Assert.Equal(0, output.UnflushedBytes);
        }
    }

    [Fact]
    public async Task What_the_peer_has_acknowledged_is_known_until_the_socket_is_closed()
    {
        var (sender, receiver) = await ConnectAsync();
        using (receiver)
        {
            var output = Over(sender);
            var before = output.Acknowledged;
            output.TryGive(output, new FileRange(file, 0, 50_000));
            await output.FlushAsync();
            await receiver.ReceiveAsync(new byte[50_000]);
            await Eventually.HoldsAsync(() => output.Acknowledged - before == 50_000);
            sender.Dispose();
            Assert.Null(output.Acknowledged);
        }
    }

    [Fact]
    public async Task A_flush_that_is_given_up_is_the_last()
    {
        var (sender, receiver) = await ConnectAsync();
        using (sender)
        using (receiver)
        {
            var output = Over(sender);
            using var giveUp = new CancellationTokenSource();
            var flush = Task.CompletedTask;
            while (flush.IsCompletedSuccessfully)
            {
                output.TryGive(output, new FileRange(file, 0, FileLength));
                flush = output.FlushAsync(giveUp.Token).AsTask();
            }

            await giveUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flush);
            output.Write("more"u8);
            Assert.True((await output.FlushAsync()).IsCompleted);
        }
    }

    private SocketOutput Over(Socket sender) => new(sender, takesFiles: true, () => Interlocked.Increment(ref ends));

    private void Put(SocketOutput output, MemoryStream expected, Random random)
    {
        var offset = random.Next(FileLength);
        var length = Math.Min(FileLength - offset, random.Next(1, random.Next(2) == 0 ? 3000 : 2 << 20));
        if (random.Next(2) == 0)
        {
            length = output.TryGive(output, new FileRange(file, offset, length));
            Assert.InRange(length, 1, SocketOutput.LargestGrant);
        }
        else
        {
            // By the smallest memory there is, or by as much as is wanted at once.
            output.Write(content.AsSpan(offset, length));
        }

        expected.Write(content, offset, length);
    }

    private static async Task<(Socket Sender, Socket Receiver)> ConnectAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var connecting = receiver.ConnectAsync(listener.LocalEndpoint);
        var sender = await listener.AcceptSocketAsync();
        await connecting;

        // As a server does, whose requests come first: from then on the socket does not block.
        await receiver.SendAsync("x"u8.ToArray());
        await sender.ReceiveAsync(new byte[1]);
        return (sender, receiver);
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket, int atOnce)
    {
        using var read = new MemoryStream();
        var buffer = new byte[atOnce];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            read.Write(buffer, 0, count);
        }

        return read.ToArray();
    }
}
