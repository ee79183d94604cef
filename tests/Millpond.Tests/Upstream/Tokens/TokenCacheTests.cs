using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Tokens;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Tokens;

public sealed class TokenCacheTests
{
    private readonly FakeTimeProvider time = new();
    private int requests;

    [Fact]
    public async Task Everyone_who_waits_sees_the_same_failure_and_the_next_asks_anew()
    {
        var answer = new TaskCompletionSource<Token>(TaskCreationOptions.RunContinuationsAsynchronously);
        var cache = Cache(_ => answer.Task);
        var waiting = Enumerable.Range(0, 20).Select(_ => cache.GetAsync(Key("a"), null, CancellationToken.None).AsTask()).ToArray();
        answer.SetException(new UpstreamException(UpstreamOutcome.ServerError, "no tokens today"));

        foreach (var one in waiting)
        {
            Assert.Equal("no tokens today", (await Assert.ThrowsAsync<UpstreamException>(() => one)).Message);
        }

        Assert.Equal(1, requests);
        answer = new();
        answer.SetResult(Token("late"));
        Assert.Equal("late", (await cache.GetAsync(Key("a"), null, CancellationToken.None)).Value);
        Assert.Equal(2, requests);
    }

    [Fact]
    public async Task Of_many_who_were_refused_one_renews()
    {
        var cache = Cache(_ => Task.FromResult(Token($"t{requests}")));
        var old = await cache.GetAsync(Key("a"), null, CancellationToken.None);

        cache.Discard(Key("a"), old);
        var renewed = await cache.GetAsync(Key("a"), null, CancellationToken.None);
        cache.Discard(Key("a"), old);

        Assert.Same(renewed, await cache.GetAsync(Key("a"), null, CancellationToken.None));
        Assert.Equal(2, requests);
    }

    [Theory]
    [InlineData(300, 269, 271)]
    [InlineData(60, 44, 46)]
    [InlineData(8, 5, 7)]
    public async Task A_token_is_used_until_its_margin(int life, int good, int due)
    {
        var cache = Cache(_ => Task.FromResult(Token("t", life)));
        await cache.GetAsync(Key("a"), null, CancellationToken.None);

        time.Advance(TimeSpan.FromSeconds(good));
        await cache.GetAsync(Key("a"), null, CancellationToken.None);
        Assert.Equal(1, requests);

        time.Advance(TimeSpan.FromSeconds(due - good));
        await cache.GetAsync(Key("a"), null, CancellationToken.None);
        Assert.Equal(2, requests);
    }

    [Fact]
    public async Task Realm_service_scope_and_credential_each_make_another_token()
    {
        var cache = Cache(_ => Task.FromResult(Token("t")));
        var key = Key("a");
        foreach (var other in (TokenKey[])[key, key with { Scope = "b" }, key with { Service = "s" }, key with { CredentialVersion = "v" }, key with { Realm = new("https://b.test") }, key])
        {
            await cache.GetAsync(other, null, CancellationToken.None);
        }

        Assert.Equal(5, requests);
    }

    [Fact]
    public async Task Tokens_of_thousands_of_repositories_do_not_pile_up()
    {
        var cache = Cache(_ => Task.FromResult(Token("t")));
        for (var i = 0; i < 5000; i++)
        {
            await cache.GetAsync(Key($"repository:r{i}:pull"), null, CancellationToken.None);
            Assert.InRange(cache.Count, 1, 1025);
        }
    }

    [Fact]
    public async Task A_waiter_leaves_alone()
    {
        var answer = new TaskCompletionSource<Token>(TaskCreationOptions.RunContinuationsAsynchronously);
        var cache = Cache(_ => answer.Task);
        using var leaves = new CancellationTokenSource();
        var first = cache.GetAsync(Key("a"), null, leaves.Token).AsTask();
        var second = cache.GetAsync(Key("a"), null, CancellationToken.None).AsTask();

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answer.SetResult(Token("t"));

        Assert.Equal("t", (await second).Value);
        Assert.Equal(1, requests);
    }

    private static TokenKey Key(string scope) => new(new Uri("https://a.test/token"), null, scope, "anonymous");

    private Token Token(string value, int life = 300) => new(value, TimeSpan.FromSeconds(life), time.GetTimestamp());

    private TokenCache Cache(Func<TokenKey, Task<Token>> answer) => new(
        (key, _, _) =>
        {
            Interlocked.Increment(ref requests);
            return answer(key);
        },
        time,
        CancellationToken.None);
}
