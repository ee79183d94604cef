using System.Net;
using System.Reflection;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Tokens;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>
/// The registry client of one rule. Every status and every fault of the network is a result; only the caller's own cancellation is
/// thrown. Nothing is tried again here but what a renewed token or a fresh redirect can mend.
/// </summary>
public sealed class UpstreamClient : IDisposable
{
    /// <summary>What this program calls itself to upstreams.</summary>
    public static string UserAgent { get; } =
        $"millpond/{typeof(UpstreamClient).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0"}";

    // A check of something that is cached must give up while there is time to serve it stale (timeouts.revalidate is 5 s).
    private static readonly TimeSpan CheckConnect = TimeSpan.FromSeconds(2);

    private readonly PullThroughRule rule;
    private readonly UpstreamCredentials credentials;
    private readonly TimeProvider time;
    private readonly FailureLog failures;
    private readonly SecretWords words;
    private readonly CancellationTokenSource lifetime = new();
    private readonly TokenService tokenService;
    private readonly HttpMessageInvoker following;
    private readonly HttpMessageInvoker direct;
    private readonly RegistrySign sign;

    public UpstreamClient(PullThroughRule rule, UpstreamCredentials credentials, TimeProvider time, ILogger<UpstreamClient> log)
        : this(rule, credentials, time, log, NetworkAccess.System, Environment.GetEnvironmentVariable)
    {
    }

    internal UpstreamClient(
        PullThroughRule rule, UpstreamCredentials credentials, TimeProvider time, ILogger<UpstreamClient> log,
        NetworkAccess network, Func<string, string?> environment)
    {
        this.rule = rule;
        this.credentials = credentials;
        this.time = time;
        var proxy = new UpstreamProxy(rule, environment);
        words = new SecretWords(rule, proxy.Logins());
        failures = new FailureLog(rule, words, time, log);

        // Realms that the configuration names may be private; connections to them are kept apart, so that no redirect can use them.
        tokenService = new TokenService(rule, words, new UpstreamSockets(rule, [rule.Upstream, .. rule.TokenRealms], proxy, network, time), time);
        var tokens = new TokenCache(tokenService.RequestAsync, time, lifetime.Token);
        var sockets = new UpstreamSockets(rule, [rule.Upstream], proxy, network, time);
        var authentication = new AuthenticationHandler(rule, credentials, tokens, tokenService.Name, words, sockets);
        following = new HttpMessageInvoker(new RedirectHandler(rule, authentication));
        direct = new HttpMessageInvoker(authentication, disposeHandler: false);
        sign = new RegistrySign(AnswersLikeRegistryAsync, time, lifetime.Token);
    }

    /// <summary>The version of the credential as it is now, or <see cref="UpstreamCredentials.AnonymousVersion"/>.</summary>
    public string CredentialVersion => credentials.VersionOf(rule.Credential);

    /// <summary>Whose credential it is now: its user name, null where none is configured. False where it is configured and cannot be read.</summary>
    public bool TryReadUser(out string? user) => credentials.TryReadUser(rule.Credential, out user);

    public Task<UpstreamResult<ManifestHead>> HeadManifestAsync(
        RepositoryName upstreamRepository, string reference, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Head, ManifestPath(upstreamRepository, reference), upstreamRepository) { Accept = ManifestAnswer.Accept, ConnectWithin = CheckConnect },
            (response, exchange, _) => Task.FromResult(ManifestAnswer.ReadHead(response, reference, exchange.WaitingFor)),
            cancellationToken);

    public async Task<UpstreamResult<ManifestBody>> GetManifestAsync(
        RepositoryName upstreamRepository, string reference, CancellationToken cancellationToken)
    {
        using var deadline = StartDeadline();
        return await GetManifestAsync(upstreamRepository, reference, deadline, cancellationToken);
    }

    /// <summary>Whether a blob is there, and how long: a closed range of one byte, because some registries refuse a HEAD.</summary>
    public Task<UpstreamResult<BlobProbe>> ProbeBlobAsync(RepositoryName upstreamRepository, Digest digest, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, BlobPath(upstreamRepository, digest), upstreamRepository) { Range = BlobAnswer.FirstByte },
            (response, exchange, _) => Task.FromResult(BlobAnswer.ReadProbe(response, exchange.WaitingFor)),
            cancellationToken,
            status => status == HttpStatusCode.RequestedRangeNotSatisfiable);

    /// <summary>A few bytes of a blob, by a closed range; others of the same number where the upstream sends it from its beginning.</summary>
    public Task<UpstreamResult<BlobPart>> GetBlobPartAsync(
        RepositoryName upstreamRepository, Digest digest, ByteRange range, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, BlobPath(upstreamRepository, digest), upstreamRepository) { Range = range },
            (response, exchange, token) => BlobAnswer.ReadPartAsync(response, range, exchange.WaitingFor, token),
            cancellationToken,
            status => status == HttpStatusCode.RequestedRangeNotSatisfiable);

    /// <summary>A blob from its headers on; the caller disposes it, reads it at its own pace and watches over its silence.</summary>
    public Task<UpstreamResult<BlobBody>> GetBlobAsync(
        RepositoryName upstreamRepository, Digest digest, ByteRange? range, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, BlobPath(upstreamRepository, digest), upstreamRepository) { Range = range, KeepsResponse = true },
            (response, exchange, token) => BlobAnswer.ReadBodyAsync(response, range, exchange.WaitingFor, token),
            cancellationToken,
            status => status == HttpStatusCode.RequestedRangeNotSatisfiable);

    /// <param name="last">Where to go on: null, a tag, or what <see cref="TagPage.Last"/> said.</param>
    public Task<UpstreamResult<TagPage>> ListTagsAsync(RepositoryName upstreamRepository, string? last, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, $"/v2/{upstreamRepository}/tags/list{TagsAnswer.Query(last)}", upstreamRepository) { Accept = "application/json" },
            (response, exchange, token) => TagsAnswer.ReadAsync(response, last, exchange.WaitingFor, token),
            cancellationToken);

    /// <summary>A page of the referrers of a digest, by the API or, where the upstream has none, by the tag that stands in for it; none at all is an empty index.</summary>
    /// <param name="next">Which page: null for the first, or what <see cref="ReferrersBody.Next"/> said.</param>
    public Task<UpstreamResult<ReferrersBody>> GetReferrersAsync(
        RepositoryName upstreamRepository, Digest subject, string? next, CancellationToken cancellationToken) =>
        new ReferrersRequest(this, upstreamRepository, subject).SendAsync(next, cancellationToken);

    /// <summary>Whether the upstream is there: any answer below 500 is.</summary>
    public Task<UpstreamResult<object>> PingAsync(CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, RegistrySign.Path, null) { FollowsRedirects = false, ConnectWithin = CheckConnect },
            static (_, _, _) => Task.FromResult(new object()),
            cancellationToken,
            static status => (int)status < 500);

    /// <inheritdoc/>
    public void Dispose()
    {
        lifetime.Cancel();
        direct.Dispose();
        following.Dispose();
        tokenService.Dispose();
        lifetime.Dispose();
    }

    internal Task<UpstreamResult<ManifestBody>> GetManifestAsync(
        RepositoryName upstreamRepository, string reference, CancellationTokenSource deadline, CancellationToken cancellationToken) =>
        AskAsync(
            new Question(HttpMethod.Get, ManifestPath(upstreamRepository, reference), upstreamRepository) { Accept = ManifestAnswer.Accept },
            (response, exchange, token) => ManifestAnswer.ReadBodyAsync(response, reference, exchange.WaitingFor, token),
            deadline,
            cancellationToken);

    private static string ManifestPath(RepositoryName repository, string reference) => Tag.IsValid(reference) || Digest.TryParse(reference, out _)
        ? $"/v2/{repository}/manifests/{reference}"
        : throw new ArgumentException("A reference is a tag or a digest.", nameof(reference));

    internal CancellationTokenSource StartDeadline() => new(rule.Timeouts.FirstByte, time);

    /// <summary>One question with a deadline of its own.</summary>
    internal async Task<UpstreamResult<T>> AskAsync<T>(
        Question question, Func<HttpResponseMessage, Exchange, CancellationToken, Task<T>> read, CancellationToken cancellationToken,
        Func<HttpStatusCode, bool>? alsoRead = null)
        where T : class
    {
        using var deadline = StartDeadline();
        return await AskAsync(question, read, deadline, cancellationToken, alsoRead);
    }

    /// <summary>
    /// One question: from sending it to the end of reading the answer within the deadline, tokens and redirects included.
    /// </summary>
    /// <param name="read">Makes a value of a success, or throws an <see cref="UpstreamException"/>.</param>
    /// <param name="alsoRead">Further statuses that <paramref name="read"/> understands.</param>
    internal async Task<UpstreamResult<T>> AskAsync<T>(
        Question question, Func<HttpResponseMessage, Exchange, CancellationToken, Task<T>> read, CancellationTokenSource deadline,
        CancellationToken cancellationToken, Func<HttpStatusCode, bool>? alsoRead = null)
        where T : class
    {
        var result = await AskOnceAsync(question, read, deadline, alsoRead, cancellationToken);
        return result.IsCredentialRefused && await credentials.RenewAsync(rule.Credential, cancellationToken)
            ? await AskOnceAsync(question, read, deadline, alsoRead, cancellationToken)
            : result;
    }

    private async Task<UpstreamResult<T>> AskOnceAsync<T>(
        Question question, Func<HttpResponseMessage, Exchange, CancellationToken, Task<T>> read, CancellationTokenSource deadline,
        Func<HttpStatusCode, bool>? alsoRead, CancellationToken cancellationToken)
        where T : class
    {
        var exchange = new Exchange(rule.UpstreamName, words)
        {
            Scope = question.Repository is { } repository ? $"repository:{repository}:pull" : null,
            ConnectWithin = question.ConnectWithin < rule.Timeouts.Connect ? question.ConnectWithin : null,
        };
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        HttpResponseMessage? response = null;
        var keep = false;
        try
        {
            using var request = question.ToRequest(rule.Upstream, exchange);
            response = await (question.FollowsRedirects ? following : direct).SendAsync(request, both.Token);
            if (!response.IsSuccessStatusCode && alsoRead?.Invoke(response.StatusCode) != true)
            {
                throw await StatusFailures.OfAsync(response, exchange, rule, sign, time, both.Token);
            }

            var value = await read(response, exchange, both.Token);
            keep = question.KeepsResponse;
            return new UpstreamResult<T>(UpstreamOutcome.Found, value, RateLimit: exchange.RateLimit);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is not OutOfMemoryException)
        {
            var failure = FailureOf(e, exchange, deadline.IsCancellationRequested);
            var reason = failures.Write(question.Path, failure.Detail.Length > 0 ? failure : failure.At(exchange.Where));
            return new UpstreamResult<T>(failure.Outcome, null, reason, failure.RetryAfter, exchange.RateLimit)
            {
                Status = failure.Status,
                IsOfConnection = failure.IsOfConnection,
                IsCredentialRefused = failure.IsCredentialRefused,
            };
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is not OutOfMemoryException)
        {
            // Whatever else broke on the way: who asked has left.
            throw new OperationCanceledException(cancellationToken);
        }
        finally
        {
            if (!keep)
            {
                response?.Dispose();
            }
        }
    }

    private async Task<bool> AnswersLikeRegistryAsync(CancellationToken cancellationToken)
    {
        var answer = await AskAsync(
            new Question(HttpMethod.Get, RegistrySign.Path, null) { FollowsRedirects = false, ConnectWithin = CheckConnect },
            static async (response, _, token) => await RegistrySign.ReadAsync(response, token) ? response : throw new UpstreamException(UpstreamOutcome.BadAnswer, "no registry"),
            cancellationToken,
            static _ => true);
        return answer.IsFound;
    }

    private static string BlobPath(RepositoryName repository, Digest digest) => $"/v2/{repository}/blobs/{digest}";

    /// <summary>
    /// Whatever is thrown ends here as an answer: what an upstream sends may be nothing that anybody has thought of, and the one who asked has
    /// something stale to serve, or readers to tell.
    /// </summary>
    private UpstreamException FailureOf(Exception exception, Exchange exchange, bool deadlinePassed) => exception switch
    {
        OperationCanceledException when deadlinePassed =>
            new(UpstreamOutcome.Timeout, $"{exchange.WaitingFor} did not answer within {Words.Of(rule.Timeouts.FirstByte)} (timeouts.firstByte)"),
        OperationCanceledException => new(UpstreamOutcome.Unreachable, $"the request to {exchange.WaitingFor} was given up: this server is being stopped"),
        _ => NetworkFailures.Of(exception, exchange.WaitingFor, words) ?? failures.Unforeseen(exception, exchange.WaitingFor),
    };
}
