using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>Blobs over TLS: by either protocol, to clients that leave, and in records that are full.</summary>
public sealed class SecuredBlobTests : IAsyncLifetime
{
    private const int BlobLength = 3_000_000;

    /// <summary>16 KiB, the kind of content and the tag of the cipher (RFC 8446, 5.2).</summary>
    private const int FullRecord = (16 * 1024) + 1 + 16;

    private readonly TestBlob layer = TestBlob.Generated(31, BlobLength);
    private readonly TemporaryFolder folder = new();
    private readonly TestCertificates certificates = new();
    private readonly SocketsHttpHandler transport = new() { SslOptions = { RemoteCertificateValidationCallback = delegate { return true; } } };
    private FakeUpstream upstream = null!;
    private MillpondHost millpond = null!;

    private string Path => $"/v2/up/team/app/blobs/{layer.Digest}";

    public async ValueTask InitializeAsync()
    {
        var (certificate, key) = certificates.IssueFiles(folder, "server");
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.WithLayers(layer), "latest");
        millpond = await MillpondHost.StartAsync(upstream, new() { Configure = configuration => configuration with { Listen = [new("https://127.0.0.1:0")], Tls = new(certificate, key), OperationsListen = [new("http://127.0.0.1:0")] } });
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await upstream.DisposeAsync();
        transport.Dispose();
        certificates.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task A_blob_comes_whole_cold_and_warm_and_in_parts(int major, int minor)
    {
        using var client = new HttpClient(transport, disposeHandler: false) { BaseAddress = millpond.Address, DefaultRequestVersion = new(major, minor), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        for (var pull = 0; pull < 3; pull++)
        {
            Assert.Equal(layer.ToArray(), await client.GetByteArrayAsync(Path));
        }

        var parts = await Task.WhenAll(Enumerable.Range(0, 20).Select(async part =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Path) { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
            request.Headers.Range = new(part * 150_000, (part * 150_000) + 149_999);
            using var answer = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
            return await answer.Content.ReadAsByteArrayAsync();
        }));
        Assert.Equal(layer.ToArray(), parts.SelectMany(part => part));
    }

    [Fact]
    public async Task Clients_that_leave_in_the_middle_leave_nothing_behind()
    {
        for (var client = 0; client < 10; client++)
        {
            var (socket, tls) = await SecureAsync();
            await using var open = tls;
            await AskAsync(tls);
            await tls.ReadExactlyAsync(new byte[20_000]);
            socket.Close(0);
        }

        using var after = new HttpClient(transport, disposeHandler: false) { BaseAddress = millpond.Address };
        Assert.Equal(layer.ToArray(), await after.GetByteArrayAsync(Path));
    }

    /// <summary>So many that the server does not read on, and learns from its sending alone that nobody is there.</summary>
    [Fact]
    public async Task Who_asks_for_very_much_at_once_and_leaves_is_not_answered_to_the_end()
    {
        const int Requests = 150_000;
        using var warm = new HttpClient(transport, disposeHandler: false) { BaseAddress = millpond.Address };
        await warm.GetByteArrayAsync(Path);
        var (socket, tls) = await SecureAsync();
        await using var open = tls;
        var request = $"GET {Path} HTTP/1.1\r\nHost: {millpond.Address.Authority}\r\n\r\n";
        var asking = tls.WriteAsync(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(request, Requests)))).AsTask();
        await tls.ReadExactlyAsync(new byte[20_000]);
        socket.Close(0);
        await Assert.ThrowsAnyAsync<Exception>(() => asking);

        // The one that is kept open here is left.
        await Eventually.HoldsAsync(async () => await MetricAsync("millpond_connections{}") == 1);
        Assert.InRange(await MetricAsync("millpond_served_bytes_total{rule=\"up\"}"), BlobLength, 100L * BlobLength);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task Nearly_all_records_are_full(int major, int minor)
    {
        using var warm = new HttpClient(transport, disposeHandler: false) { BaseAddress = millpond.Address };
        await warm.GetByteArrayAsync(Path);
        Recorded? recorded = null;
        using var recording = new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = delegate { return true; } },
            // A window that fills up would cut records where it ends, and when it does is the client's pace.
            InitialHttp2StreamWindowSize = 2 * BlobLength,
            ConnectCallback = async (to, cancellationToken) => recorded = new(await OpenAsync(to.DnsEndPoint.Host, to.DnsEndPoint.Port, cancellationToken)),
        };
        using (var client = new HttpClient(recording) { BaseAddress = millpond.Address, DefaultRequestVersion = new(major, minor), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact })
        {
            Assert.Equal(layer.ToArray(), await client.GetByteArrayAsync(Path));
        }

        // Headers, the end of the first block and that of the last are none.
        var records = recorded!.Lengths();
        Assert.InRange(records.Count(length => length == FullRecord), (BlobLength / (16 * 1024)) - 2, int.MaxValue);
    }

    private async Task<long> MetricAsync(string name)
    {
        var metrics = await millpond.Client.GetStringAsync(new Uri(millpond.Server.OperationsAddresses[0], "/metrics"));
        var line = metrics.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(name.Length), CultureInfo.InvariantCulture);
    }

    private static async Task<NetworkStream> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(host, port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private async Task<(Socket Socket, SslStream Tls)> SecureAsync()
    {
        var connection = await OpenAsync(millpond.Address.Host, millpond.Address.Port, CancellationToken.None);
        var tls = new SslStream(connection, leaveInnerStreamOpen: false, delegate { return true; });
        await tls.AuthenticateAsClientAsync("localhost");
        return (connection.Socket, tls);
    }

    private async Task AskAsync(SslStream tls) => await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET {Path} HTTP/1.1\r\nHost: {millpond.Address.Authority}\r\nConnection: close\r\n\r\n"));

    /// <summary>Remembers what came, as it came.</summary>
    private sealed class Recorded(Stream inner) : Stream
    {
        private readonly MemoryStream came = new();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        /// <summary>How long each record was.</summary>
        public List<int> Lengths()
        {
            var lengths = new List<int>();
            var rest = came.ToArray().AsSpan();
            while (rest.Length > 5)
            {
                var length = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
                lengths.Add(length);
                rest = rest[(5 + length)..];
            }

            return lengths;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            came.Write(buffer.Span[..read]);
            return read;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            came.Dispose();
            base.Dispose(disposing);
        }
    }
}
