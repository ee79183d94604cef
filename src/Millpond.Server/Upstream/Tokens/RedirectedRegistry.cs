using System.Net;
using System.Net.Http.Headers;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>
/// A registry that the upstream redirects to, as names of vendors do (<c>lscr.io</c> to <c>ghcr.io</c>), and that wants a token. Its challenge is
/// answered without a credential; ours it gets only where its realm is in the rule's <c>tokenRealms</c>, for whoever redirects us could
/// else collect it. Signed URLs of blob hosts are no paths of a registry, and pass bare.
/// </summary>
internal sealed class RedirectedRegistry(PullThroughRule rule, TokenCache tokens, string nameOfRealm)
{
    private static readonly string[] Kinds = ["manifests", "blobs", "tags", "referrers"];

    // What was challenged with last, so that the next request need not be challenged. One is enough: a name redirects to one registry.
    private Known? known;

    /// <param name="readCredential">The rule's credential; asked for only where it may be sent.</param>
    /// <param name="send">Sends the request as it is.</param>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, Uri target, Exchange exchange, Func<CancellationToken, ValueTask<UpstreamCredential?>> readCredential,
        Func<CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        if (ScopeOf(target) is not { } scope)
        {
            return await send(cancellationToken);
        }

        var remembered = Volatile.Read(ref known) is { } last && TokenRealm.IsOrigin(last.Registry, target) ? last : null;
        (TokenKey Key, Token Token)? tried = remembered is null ? null : await AuthorizeAsync(remembered);
        var response = await send(cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized || Read(response, target) is not { } challenged)
        {
            return response;
        }

        if (tried is { } stale)
        {
            tokens.Discard(stale.Key, stale.Token);
        }

        response.Dispose();
        await AuthorizeAsync(challenged);
        Volatile.Write(ref known, challenged);
        return await send(cancellationToken);

        async Task<(TokenKey Key, Token Token)> AuthorizeAsync(Known answer)
        {
            exchange.Remedy = answer.MayHaveCredential
                ? ""
                : $"; the registry that {rule.UpstreamName} redirects to was asked without a credential: give rule {rule.Prefix} one and add that registry's realm to its tokenRealms if it may have it";
            exchange.RemedyDetail = $"{target.IdnHost} has the realm {answer.Realm.GetLeftPart(UriPartial.Path)}";
            var credential = answer.MayHaveCredential ? await readCredential(cancellationToken) : null;
            var key = new TokenKey(answer.Realm, answer.Service, scope, credential?.Version ?? UpstreamCredentials.AnonymousVersion);
            exchange.WaitFor(nameOfRealm, answer.Realm.IdnHost);
            try
            {
                var token = await tokens.GetAsync(key, credential, cancellationToken);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
                exchange.Sent(credential, token.Value);
                exchange.IsAnsweredElsewhere = true;
                return (key, token);
            }
            catch (UpstreamException e)
            {
                Interlocked.CompareExchange(ref known, null, answer);
                throw e.Outcome == UpstreamOutcome.Refused ? e.Because(exchange.Remedy, exchange.RemedyDetail) : e.Again();
            }
        }

        Known? Read(HttpResponseMessage refusal, Uri registry)
        {
            var challenges = refusal.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines) ? Challenge.Parse(lines) : [];
            if (challenges.FirstOrDefault(challenge => challenge.IsBearer) is not { } bearer)
            {
                return null;
            }

            try
            {
                var realm = TokenRealm.CheckRedirected(rule, registry, bearer["realm"], out var mayHaveCredential);
                return new Known(registry, realm, bearer["service"], mayHaveCredential && rule.Credential is not null);
            }
            catch (UpstreamException)
            {
                refusal.Dispose();
                throw;
            }
        }
    }

    private static string? ScopeOf(Uri target)
    {
        const string Begin = "/v2/";
        var path = target.AbsolutePath;
        if (!path.StartsWith(Begin, StringComparison.Ordinal))
        {
            return null;
        }

        foreach (var kind in Kinds)
        {
            if (path.LastIndexOf($"/{kind}/", StringComparison.Ordinal) is >= 4 and var end && RepositoryName.TryParse(path.AsSpan(Begin.Length, end - Begin.Length), out var repository))
            {
                return $"repository:{repository}:pull";
            }
        }

        return null;
    }

    private sealed record Known(Uri Registry, Uri Realm, string? Service, bool MayHaveCredential);
}
