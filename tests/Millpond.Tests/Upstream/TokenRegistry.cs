using Microsoft.AspNetCore.Http;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Upstream;

/// <summary>A registry that wants a token of its own <c>/token</c>, which gives <c>token-1</c>, <c>token-2</c> …</summary>
internal sealed class TokenRegistry : IAsyncDisposable
{
    private readonly TaskCompletionSource tokenAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource hold = Released();
    private TestServer? server;
    private int tokens;

    /// <summary>The one token that is taken; null for any.</summary>
    public string? Accepted { get; set; }

    public string ChallengePrefix { get; set; } = "";

    /// <summary>Where the challenge says tokens are; null for our own.</summary>
    public string? Realm { get; set; }

    public RequestDelegate? TokenAnswer { get; set; }

    public RequestDelegate Answer { get; set; } = _ => Task.CompletedTask;

    public Task TokenAsked => tokenAsked.Task;

    public Uri Url => server!.Url;

    public PullThroughRule Rule => TestClients.Rule(Url);

    public IEnumerable<Seen> TokenRequests => server!.Requests.Where(request => request.Target.StartsWith("/token", StringComparison.Ordinal));

    public IEnumerable<Seen> RegistryRequests => server!.Requests.Where(request => !request.Target.StartsWith("/token", StringComparison.Ordinal));

    public static async Task<TokenRegistry> StartAsync()
    {
        var registry = new TokenRegistry();
        registry.server = await TestServer.StartAsync(registry.AnswerAsync);
        return registry;
    }

    public void HoldTokens() => hold = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void ReleaseTokens() => hold.TrySetResult();

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? default;

    private static TaskCompletionSource Released()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/token")
        {
            tokenAsked.TrySetResult();
            await hold.Task;
            await (TokenAnswer?.Invoke(context)
                ?? context.Response.WriteAsync($$"""{"token":"token-{{Interlocked.Increment(ref tokens)}}","expires_in":300}"""));
            return;
        }

        var authorization = context.Request.Headers.Authorization.ToString();
        if (authorization.StartsWith("Bearer ", StringComparison.Ordinal) && (Accepted is null || authorization == $"Bearer {Accepted}"))
        {
            await Answer(context);
            return;
        }

        context.Response.StatusCode = 401;
        context.Response.Headers.WWWAuthenticate =
            $"{ChallengePrefix}Bearer realm=\"{Realm ?? $"{Url}token"}\",service=\"the registry\",scope=\"repository:team/app:pull,push repository:x:*\"";
    }
}
