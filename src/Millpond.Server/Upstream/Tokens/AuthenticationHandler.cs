using System.Net;
using System.Net.Http.Headers;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>
/// What goes only to the upstream's own origin: the rule's extra headers, and the answer to its challenge (token or Basic), renewed
/// once when it is refused. A request that was led elsewhere passes bare; the challenge of a registry there is <see cref="RedirectedRegistry"/>'s.
/// </summary>
internal sealed class AuthenticationHandler(
    PullThroughRule rule, UpstreamCredentials credentials, TokenCache tokens, string nameOfRealm, SecretWords words, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    private readonly RedirectedRegistry elsewhere = new(rule, tokens, nameOfRealm);

    // What the upstream challenged with last: later requests answer it before it is asked. Null until then.
    private Answer? known;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var exchange = Exchange.Of(request);
        var target = request.RequestUri ?? throw new InvalidOperationException("A request needs a URL.");
        if (exchange is null or { LeftOrigin: true } || !TokenRealm.IsOrigin(target, rule.Upstream))
        {
            return await PassAsync(request, target, exchange, cancellationToken);
        }

        AddHeaders(request);
        if (exchange.Scope is not { } scope)
        {
            return await SendOwnAsync(request, exchange, cancellationToken);
        }

        var credential = await ReadCredentialAsync(cancellationToken);
        var remembered = Volatile.Read(ref known);
        var (tried, failure) = await AnswerRememberedAsync(request, remembered, scope, credential, exchange, cancellationToken);
        var response = await SendOwnAsync(request, exchange, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized)
        {
            return response;
        }

        var answer = Choose(response, credential);
        if (tried is { Key: { } key, Token: { } token })
        {
            tokens.Discard(key, token);
        }

        if (answer is null || answer.IsBasic && tried is { IsBasic: true })
        {
            return response;
        }

        response.Dispose();
        if (failure is not null && answer == remembered)
        {
            throw failure.Again();
        }

        await AuthorizeAsync(request, answer, scope, credential, exchange, cancellationToken);
        Volatile.Write(ref known, answer);
        return await SendOwnAsync(request, exchange, cancellationToken);
    }

    /// <summary>
    /// Answers what the upstream challenged with last. Where that fails it is forgotten and the request goes bare, once: the upstream may
    /// have moved its token service, and says so only to who asks.
    /// </summary>
    private async ValueTask<(Attempt? Tried, UpstreamException? Failure)> AnswerRememberedAsync(
        HttpRequestMessage request, Answer? remembered, string scope, UpstreamCredential? credential, Exchange exchange, CancellationToken cancellationToken)
    {
        var isGood = false;
        try
        {
            var tried = await AuthorizeAsync(request, remembered, scope, credential, exchange, cancellationToken);
            isGood = true;
            return (tried, null);
        }
        catch (UpstreamException e) when (e.Outcome != UpstreamOutcome.Throttled)
        {
            return (null, e);
        }
        finally
        {
            if (!isGood)
            {
                Interlocked.CompareExchange(ref known, null, remembered);
            }
        }
    }

    private async Task<HttpResponseMessage> PassAsync(HttpRequestMessage request, Uri target, Exchange? exchange, CancellationToken cancellationToken)
    {
        if (exchange is null)
        {
            return await base.SendAsync(request, cancellationToken);
        }

        exchange.LeftOrigin = true;
        return TokenRealm.IsOrigin(target, rule.Upstream)
            ? await SendElsewhereAsync(cancellationToken)
            : await elsewhere.SendAsync(request, target, exchange, ReadCredentialAsync, SendElsewhereAsync, cancellationToken);

        Task<HttpResponseMessage> SendElsewhereAsync(CancellationToken token)
        {
            exchange.WaitFor($"the host that {rule.UpstreamName} redirects to", target.IdnHost);
            return base.SendAsync(request, token);
        }
    }

    private async Task<HttpResponseMessage> SendOwnAsync(HttpRequestMessage request, Exchange exchange, CancellationToken cancellationToken)
    {
        exchange.WaitFor(rule.UpstreamName);
        var response = await base.SendAsync(request, cancellationToken);
        exchange.RateLimit = RateLimitHeaders.Read(response) ?? exchange.RateLimit;
        return response;
    }

    private void AddHeaders(HttpRequestMessage request)
    {
        foreach (var (name, value) in rule.Headers)
        {
            if (name.Equals("User-Agent", StringComparison.OrdinalIgnoreCase))
            {
                request.Headers.UserAgent.Clear();
            }

            request.Headers.TryAddWithoutValidation(name, value);
        }
    }

    private async ValueTask<UpstreamCredential?> ReadCredentialAsync(CancellationToken cancellationToken)
    {
        try
        {
            var credential = await credentials.GetAsync(rule.Credential, cancellationToken);
            words.Sent(credential, null);
            return credential;
        }
        catch (CredentialUnreadableException e)
        {
            throw new UpstreamException(UpstreamOutcome.Refused, $"the credential of rule {rule.Prefix} cannot be read")
            {
                Detail = e.Message,
                IsCredentialRefused = true,
            };
        }
    }

    private async ValueTask<Attempt?> AuthorizeAsync(
        HttpRequestMessage request, Answer? answer, string scope, UpstreamCredential? credential, Exchange exchange, CancellationToken cancellationToken)
    {
        switch (answer)
        {
            case { Realm: { } realm }:
                exchange.WaitFor(nameOfRealm, realm.IdnHost);
                var key = new TokenKey(realm, answer.Service, scope, credential?.Version ?? UpstreamCredentials.AnonymousVersion);
                var token = await tokens.GetAsync(key, credential, cancellationToken);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
                exchange.Sent(credential, token.Value);
                exchange.IsBasic = false;
                return new Attempt(key, token);
            case { IsBasic: true } when credential is not null:
                request.Headers.Authorization = TokenService.BasicOf(credential);
                exchange.Sent(credential, request.Headers.Authorization.Parameter);
                exchange.IsBasic = true;
                return new Attempt(null, null);
            default:
                return null;
        }
    }

    /// <summary>How a challenge can be answered; null when it cannot.</summary>
    /// <exception cref="UpstreamException">It could be, were its realm allowed.</exception>
    private Answer? Choose(HttpResponseMessage response, UpstreamCredential? credential)
    {
        var challenges = response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines) ? Challenge.Parse(lines) : [];
        var canBasic = credential is not null && challenges.Any(challenge => challenge.IsBasic);
        try
        {
            if (challenges.FirstOrDefault(challenge => challenge.IsBearer) is { } bearer)
            {
                return new Answer(TokenRealm.Check(rule, bearer["realm"]), bearer["service"]);
            }
        }
        catch (UpstreamException) when (canBasic)
        {
            return Answer.Basic;
        }
        catch (UpstreamException)
        {
            response.Dispose();
            throw;
        }

        return canBasic ? Answer.Basic : null;
    }

    private sealed record Answer(Uri? Realm, string? Service)
    {
        public static Answer Basic { get; } = new(null, null);

        public bool IsBasic => Realm is null;
    }

    /// <summary>What a request was sent with: a token, or Basic.</summary>
    private sealed record Attempt(TokenKey? Key, Token? Token)
    {
        public bool IsBasic => Token is null;
    }
}
