using System.Collections.Concurrent;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>Whom a token is from, what it is for and whose it is.</summary>
internal sealed record TokenKey(Uri Realm, string? Service, string Scope, string CredentialVersion);

/// <param name="Received">A timestamp of the rule's clock, which no change of the time of day moves.</param>
internal sealed record Token(string Value, TimeSpan Life, long Received);

/// <summary>
/// Tokens until shortly before they expire. Requests that need the same one share one request for it, which belongs to none of them
/// and goes on when they leave.
/// </summary>
internal sealed class TokenCache(
    Func<TokenKey, UpstreamCredential?, CancellationToken, Task<Token>> request, TimeProvider time, CancellationToken lifetime)
{
    // A token is some kilobytes.
    private const int MaxTokens = 1024;

    private static readonly TimeSpan LargestMargin = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<TokenKey, Lazy<Task<Token>>> tokens = new();

    public int Count => tokens.Count;

    public async ValueTask<Token> GetAsync(TokenKey key, UpstreamCredential? credential, CancellationToken cancellationToken)
    {
        while (true)
        {
            var entry = tokens.GetOrAdd(
                key,
                static (key, state) =>
                {
                    Lazy<Task<Token>>? self = null;
                    self = new(() => state.Cache.RequestAsync(key, state.credential, () => self));
                    return self;
                },
                (Cache: this, credential));
            var task = entry.Value;
            if (!task.IsCompleted)
            {
                return await WaitAsync(task, cancellationToken);
            }

            if (task.IsCompletedSuccessfully && !IsExpired(task.Result))
            {
                return task.Result;
            }

            Remove(key, entry);
        }
    }

    /// <summary>Forgets a token that was refused, unless another has already taken its place.</summary>
    public void Discard(TokenKey key, Token token)
    {
        if (tokens.TryGetValue(key, out var entry) && entry is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } task } && task.Result == token)
        {
            Remove(key, entry);
        }
    }

    private static async Task<Token> WaitAsync(Task<Token> task, CancellationToken cancellationToken)
    {
        try
        {
            return await task.WaitAsync(cancellationToken);
        }
        catch (UpstreamException e)
        {
            throw e.Again();
        }
    }

    private async Task<Token> RequestAsync(TokenKey key, UpstreamCredential? credential, Func<Lazy<Task<Token>>?> self)
    {
        // Out of the first caller's stack and context: the work is not its own.
        await Task.Yield();
        try
        {
            MakeRoom();
            return await request(key, credential, lifetime);
        }
        catch
        {
            if (self() is { } entry)
            {
                Remove(key, entry);
            }

            throw;
        }
    }

    private bool IsExpired(Token token)
    {
        var margin = token.Life / 4 < LargestMargin ? token.Life / 4 : LargestMargin;
        return time.GetElapsedTime(token.Received) >= token.Life - margin;
    }

    private void MakeRoom()
    {
        if (tokens.Count <= MaxTokens)
        {
            return;
        }

        foreach (var (key, entry) in tokens)
        {
            if (entry is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } task } && (IsExpired(task.Result) || tokens.Count > MaxTokens / 2))
            {
                Remove(key, entry);
            }
        }
    }

    private void Remove(TokenKey key, Lazy<Task<Token>> entry) => tokens.TryRemove(KeyValuePair.Create(key, entry));
}
