using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Transport;

public sealed class HappyEyeballsTests
{
    private readonly FakeTimeProvider time = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Connection>> dialled = [];
    private readonly List<string> order = [];

    [Theory]
    [InlineData("::1 ::2 1.1.1.1 1.1.1.2", "::1 1.1.1.1 ::2 1.1.1.2")]
    [InlineData("1.1.1.1 1.1.1.2 1.1.1.3 ::1", "1.1.1.1 ::1 1.1.1.2 1.1.1.3")]
    [InlineData("1.1.1.1", "1.1.1.1")]
    [InlineData("", "")]
    public void Families_take_turns(string resolved, string expected) =>
        Assert.Equal(expected, string.Join(' ', HappyEyeballs.Interleave(Parse(resolved)).Select(address => address.ToString())));

    [Fact]
    public async Task The_first_that_connects_at_once_is_the_only_one_dialled()
    {
        var connecting = ConnectAsync("::1 1.1.1.1");
        var connection = Succeed("::1");

        Assert.Same(connection, await connecting);
        Assert.Equal(["::1"], order);
    }

    [Fact]
    public async Task A_silent_address_is_overtaken_after_the_stagger_and_closed()
    {
        var connecting = ConnectAsync("::1 1.1.1.1");
        Assert.Equal(["::1"], order);
        time.Advance(TimeSpan.FromMilliseconds(249));
        Assert.Equal(["::1"], order);
        time.Advance(TimeSpan.FromMilliseconds(1));
        var connection = Succeed("1.1.1.1");

        Assert.Same(connection, await connecting);
        Assert.True(Dialled("::1").Task.IsCanceled);
        Assert.False(connection.IsClosed);
    }

    [Fact]
    public async Task The_slow_one_may_still_win_and_the_late_one_is_closed()
    {
        var connecting = ConnectAsync("::1 1.1.1.1", cancellable: false);
        time.Advance(TimeSpan.FromMilliseconds(250));
        var winner = Succeed("::1");
        Assert.Same(winner, await connecting);

        var late = Succeed("1.1.1.1");
        Assert.True(late.IsClosed);
        Assert.False(winner.IsClosed);
    }

    [Fact]
    public async Task After_a_failure_the_next_starts_at_once()
    {
        var connecting = ConnectAsync("::1 1.1.1.1");
        Dialled("::1").SetException(new SocketException((int)SocketError.ConnectionRefused));
        var connection = Succeed("1.1.1.1");

        Assert.Same(connection, await connecting);
    }

    [Fact]
    public async Task When_all_fail_the_first_failure_is_told()
    {
        var connecting = ConnectAsync("::1 1.1.1.1");
        Dialled("::1").SetException(new SocketException((int)SocketError.ConnectionRefused));
        Dialled("1.1.1.1").SetException(new SocketException((int)SocketError.NetworkUnreachable));

        var failure = await Assert.ThrowsAsync<SocketException>(() => connecting);
        Assert.Equal(SocketError.ConnectionRefused, failure.SocketErrorCode);
    }

    [Fact]
    public async Task No_address_is_a_failure() => await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(""));

    [Fact]
    public async Task Who_gives_up_cancels_every_attempt()
    {
        using var stop = new CancellationTokenSource();
        var connecting = ConnectAsync("::1 1.1.1.1", stop: stop.Token);
        time.Advance(TimeSpan.FromMilliseconds(250));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        Assert.All(dialled.Values, dial => Assert.True(dial.Task.IsCanceled));
    }

    private static IPAddress[] Parse(string addresses) => [.. addresses.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)];

    private Task<Connection> ConnectAsync(string addresses, bool cancellable = true, CancellationToken stop = default) => HappyEyeballs.ConnectAsync(
        Parse(addresses),
        (address, token) =>
        {
            order.Add(address.ToString());
            var dial = Dialled(address.ToString());
            if (cancellable)
            {
                token.Register(() => dial.TrySetCanceled(token));
            }

            return dial.Task;
        },
        time,
        stop);

    // Asked for by the test or by the code under test, whichever comes first.
    private TaskCompletionSource<Connection> Dialled(string address) => dialled.GetOrAdd(address, _ => new TaskCompletionSource<Connection>());

    private Connection Succeed(string address)
    {
        var connection = new Connection();
        Dialled(address).SetResult(connection);
        return connection;
    }

    private sealed class Connection : IDisposable
    {
        public bool IsClosed { get; private set; }

        public void Dispose() => IsClosed = true;
    }
}
