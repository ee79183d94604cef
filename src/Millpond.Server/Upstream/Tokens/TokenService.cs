using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>Asks a token service for a token, as the distribution project's token specification has it.</summary>
internal sealed class TokenService(PullThroughRule rule, SecretWords words, HttpMessageHandler sockets, TimeProvider time) : IDisposable
{
    private const int MaxAnswerBytes = 256 * 1024;
    private const int MaxTokenLength = 32 * 1024;

    // The specification's default where the answer does not say.
    private static readonly TimeSpan DefaultLife = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestLife = TimeSpan.FromDays(1);

    private readonly HttpMessageInvoker invoker = new(sockets);

    /// <summary>In words for reasons.</summary>
    public string Name { get; } = $"the token service of {rule.UpstreamName}";

    public async Task<Token> RequestAsync(TokenKey key, UpstreamCredential? credential, CancellationToken cancellationToken)
    {
        var who = Name;
        using var deadline = new CancellationTokenSource(rule.Timeouts.FirstByte, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            using var request = Request(key, credential);
            using var response = await invoker.SendAsync(request, both.Token);
            if (response.StatusCode == HttpStatusCode.Forbidden && credential is not null && await IsAcceptedAsync(key, credential, both.Token))
            {
                throw new UpstreamException(UpstreamOutcome.Refused, $"{who} gives no token for {key.Scope} (403), though it takes the credential of rule {rule.Prefix}");
            }

            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw OfStatus(response, who, credential);
            }

            var content = await BoundedBody.ReadAsync(response, MaxAnswerBytes, both.Token);
            return content is null ? throw Malformed(who, "an answer that is too long") : Parse(content, who);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamOutcome.Timeout, $"{who} did not answer within {Words.Of(rule.Timeouts.FirstByte)} (timeouts.firstByte)");
        }
        catch (Exception e) when (e is not UpstreamException && !cancellationToken.IsCancellationRequested && NetworkFailures.Of(e, who, words) is { } failure)
        {
            throw failure;
        }
    }

    public void Dispose() => invoker.Dispose();

    /// <summary>
    /// Whether a credential is good for anything. GitHub's and GitLab's services answer 403 to a wrong credential, and to a good one that asks
    /// for an image which is absent or not for it: without a scope only the first is refused.
    /// </summary>
    private async Task<bool> IsAcceptedAsync(TokenKey key, UpstreamCredential credential, CancellationToken cancellationToken)
    {
        using var request = Request(key with { Scope = "" }, credential);
        using var response = await invoker.SendAsync(request, cancellationToken);
        return response.StatusCode == HttpStatusCode.OK;
    }

    private static HttpRequestMessage Request(TokenKey key, UpstreamCredential? credential)
    {
        var query = new StringBuilder(OwnQuery(key.Realm));
        Append("service", key.Service);
        Append("scope", key.Scope);
        Append("account", credential?.Username);
        var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(key.Realm) { Query = query.ToString(), Fragment = "" }.Uri)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        request.Headers.TryAddWithoutValidation("User-Agent", UpstreamClient.UserAgent);
        request.Headers.Authorization = credential is null ? null : BasicOf(credential);
        return request;

        void Append(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                query.Append(query.Length == 0 ? "" : "&").Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }
    }

    // What a realm says beside our own parameters; a wider scope in it is not ours to ask for.
    private static string OwnQuery(Uri realm) => string.Join('&', realm.Query.TrimStart('?').Split('&').Where(pair =>
        pair.Length > 0 && Uri.UnescapeDataString(pair.Split('=')[0]) is not ("scope" or "service" or "account")));

    public static AuthenticationHeaderValue BasicOf(UpstreamCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.AccessToken}")));

    private UpstreamException OfStatus(HttpResponseMessage response, string who, UpstreamCredential? credential)
    {
        var status = (int)response.StatusCode;
        var retryAfter = RetryAfterHeader.Read(response, time);
        return status switch
        {
            401 or 403 => new(
                UpstreamOutcome.Refused,
                credential is null ? $"{who} gives no anonymous token ({status})" : $"{who} refused the credential of rule {rule.Prefix} ({status})")
            {
                IsCredentialRefused = credential is not null,
            },
            429 => new(UpstreamOutcome.Throttled, $"{who} throttles (429)", retryAfter),
            >= 500 => new(UpstreamOutcome.ServerError, $"{who} answered {status}", retryAfter),
            _ => new(UpstreamOutcome.BadAnswer, $"{who} answered {status}", retryAfter),
        };
    }

    private Token Parse(ReadOnlyMemory<byte> content, string who)
    {
        using var document = ForeignJson.TryParse(content) ?? throw Malformed(who, "an answer that is not JSON");
        var root = document.RootElement;
        if ((Text(root, "token") ?? Text(root, "access_token")) is not { } value)
        {
            throw Malformed(who, "an answer without a token");
        }

        // It becomes a header line.
        return value.Length <= MaxTokenLength && value.All(c => c is > ' ' and < '\u007f')
            ? new Token(value, LifeOf(root), time.GetTimestamp())
            : throw Malformed(who, "a token that is none");
    }

    private static string? Text(JsonElement json, string name) => json.TextOf(name) is { Length: > 0 } text ? text : null;

    private static TimeSpan LifeOf(JsonElement root)
    {
        if (!root.TryGetProperty("expires_in", out var value) || value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || !(seconds > 0))
        {
            return DefaultLife;
        }

        return seconds < LongestLife.TotalSeconds ? TimeSpan.FromSeconds(seconds) : LongestLife;
    }

    private static UpstreamException Malformed(string who, string what) => new(UpstreamOutcome.BadAnswer, $"{who} gave {what}");
}
