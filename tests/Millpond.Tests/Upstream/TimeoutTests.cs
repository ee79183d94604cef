using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

public sealed class TimeoutTests
{
    private static readonly Digest Blob = Digest.Sha256("blob"u8);

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task A_black_hole_is_given_up_after_the_first_byte_timeout()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registry = await TestServer.StartAsync(Silence(asked));
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);

        var pending = client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(29.9));
        Assert.False(pending.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        var result = await pending;
        Assert.Equal((UpstreamOutcome.Timeout, "upstream.test did not answer within 30 s (timeouts.firstByte)"), (result.Outcome, result.Reason));
    }

    [Fact]
    public async Task A_token_service_that_says_nothing_is_the_one_named()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.HoldTokens();
        using var client = TestClients.Client(registry.Rule, time);

        var pending = client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await registry.TokenAsked;
        time.Advance(TimeSpan.FromSeconds(30));

        var result = await pending;
        Assert.Equal(UpstreamOutcome.Timeout, result.Outcome);
        Assert.StartsWith("the token service of upstream.test did not answer within 30 s", result.Reason, StringComparison.Ordinal);
        registry.ReleaseTokens();
    }

    [Fact]
    public async Task A_manifest_that_stalls_is_given_up()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registry = await TestServer.StartAsync(async context =>
        {
            await context.Response.WriteAsync("{");
            await context.Response.Body.FlushAsync();
            await Silence(begun)(context);
        });
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);

        var pending = client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await begun.Task;
        time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(UpstreamOutcome.Timeout, (await pending).Outcome);
    }

    [Fact]
    public async Task A_status_counts_though_its_words_do_not_come()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registry = await TestServer.StartAsync(async context =>
        {
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = "5";
            await context.Response.WriteAsync("{");
            await context.Response.Body.FlushAsync();
            await Silence(begun)(context);
        });
        var patient = new UpstreamTimeouts() with { FirstByte = TimeSpan.FromDays(40) };
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Timeouts = patient }, time);

        var pending = client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await begun.Task;
        while (!pending.IsCompleted)
        {
            // The client may not have begun to read yet.
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal((UpstreamOutcome.Throttled, TimeSpan.FromSeconds(5)), ((await pending).Outcome, (await pending).RetryAfter!.Value));
    }

    [Fact]
    public async Task The_body_of_a_blob_has_no_timeout_here()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registry = await TestServer.StartAsync(async context =>
        {
            await context.Response.Body.FlushAsync();
            await go.Task;
            await context.Response.WriteAsync("late");
        });
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);

        using var body = (await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None)).Value!;
        time.Advance(TimeSpan.FromHours(1));
        go.SetResult();

        using var reader = new StreamReader(body.Content);
        Assert.Equal("late", await reader.ReadToEndAsync());
    }

    [Theory]
    [InlineData(false, 10)]
    [InlineData(true, 2)]
    public async Task A_connection_that_does_not_come_about_has_its_own_timeout(bool isCheck, int seconds)
    {
        var dialled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var network = TestClients.Names(("far.test", ["8.8.8.8"])) with
        {
            Dial = async (_, token) =>
            {
                dialled.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
                throw new InvalidOperationException();
            },
        };
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://far.test")), time, network);

        var pending = isCheck
            ? OutcomeOf(client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None))
            : OutcomeOf(client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None));
        await dialled.Task;
        time.Advance(TimeSpan.FromSeconds(seconds - 0.1));
        Assert.False(pending.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal((UpstreamOutcome.Timeout, $"no connection to upstream.test within {seconds} s (timeouts.connect)"), await pending);
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_in_time_is_a_timeout()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var network = NetworkAccess.System with
        {
            Resolve = async (_, token) =>
            {
                asked.SetResult();
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        };
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://far.test")), time, network);

        var pending = client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(UpstreamOutcome.Timeout, (await pending).Outcome);
    }

    [Theory]
    [InlineData(SocketError.HostNotFound, UpstreamOutcome.Unreachable, "the name of upstream.test could not be resolved (DNS)")]
    [InlineData(SocketError.TryAgain, UpstreamOutcome.Unreachable, "the name of upstream.test could not be resolved (DNS)")]
    public async Task A_name_without_address_is_unreachable(SocketError error, UpstreamOutcome outcome, string reason)
    {
        var network = NetworkAccess.System with { Resolve = (_, _) => Task.FromException<IPAddress[]>(new SocketException((int)error)) };
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://far.test")), time, network);

        Assert.Equal((outcome, reason), await OutcomeOf(client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)));
    }

    [Theory]
    [InlineData(SocketError.ConnectionRefused, UpstreamOutcome.Unreachable, "upstream.test refused the connection")]
    [InlineData(SocketError.TimedOut, UpstreamOutcome.Timeout, "no connection to upstream.test: it does not answer")]
    [InlineData(SocketError.NetworkUnreachable, UpstreamOutcome.Unreachable, "there is no route to upstream.test")]
    [InlineData(SocketError.ConnectionReset, UpstreamOutcome.Unreachable, "the connection to upstream.test broke")]
    public async Task What_hinders_a_connection_is_told(SocketError error, UpstreamOutcome outcome, string reason)
    {
        var network = TestClients.Names(("far.test", ["8.8.8.8"])) with { Dial = (_, _) => Task.FromException<Stream>(new SocketException((int)error)) };
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://far.test")), time, network);

        Assert.Equal((outcome, reason), await OutcomeOf(client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)));
    }

    [Fact]
    public async Task A_real_refused_connection_is_unreachable()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var client = TestClients.Client(new Uri($"http://127.0.0.1:{port}"));

        Assert.Equal((UpstreamOutcome.Unreachable, "upstream.test refused the connection"), await OutcomeOf(client.PingAsync(CancellationToken.None)));
    }

    [Theory]
    [InlineData("", UpstreamOutcome.Unreachable)]
    [InlineData("SSH-2.0-OpenSSH_9.9\r\n", UpstreamOutcome.BadAnswer)]
    public async Task A_peer_that_is_no_registry_is_told_apart(string greeting, UpstreamOutcome expected)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var over = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            // Sockets try again where a connection ends without a byte.
            while (true)
            {
                using var connection = await listener.AcceptTcpClientAsync(over.Token);
                await connection.GetStream().ReadAtLeastAsync(new byte[100], 1);
                await connection.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(greeting));
            }
        });
        using var client = TestClients.Client(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"));

        Assert.Equal(expected, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
    }

    [Fact]
    public async Task The_callers_own_leaving_is_thrown()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registry = await TestServer.StartAsync(Silence(asked));
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);
        using var leaves = new CancellationTokenSource();

        var pending = client.GetBlobAsync(TestClients.Repository, Blob, null, leaves.Token);
        await asked.Task;
        await leaves.CancelAsync();

        var left = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        Assert.Equal(leaves.Token, left.CancellationToken);
    }

    [Fact]
    public async Task Headers_without_end_are_a_bad_answer()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            for (var i = 0; i < 100; i++)
            {
                context.Response.Headers[$"X-{i}"] = new string('x', 1000);
            }

            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.PingAsync(CancellationToken.None)).Outcome);
    }

    private static RequestDelegate Silence(TaskCompletionSource asked) => async context =>
    {
        asked.TrySetResult();
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    };

    private static async Task<(UpstreamOutcome Outcome, string Reason)> OutcomeOf<T>(Task<UpstreamResult<T>> pending)
        where T : class
    {
        var result = await pending;
        return (result.Outcome, TestClients.WithoutId(result.Reason));
    }
}
