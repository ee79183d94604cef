using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millpond.Tests.Fixtures;

/// <summary>Basic, or Bearer with its token service.</summary>
internal sealed class UpstreamAuthenticator(FakeUpstreamOptions options, UpstreamContents contents, ArmedFaults faults)
{
    public const string Service = "fake.registry";

    private readonly ConcurrentDictionary<string, Token> tokens = new(StringComparer.Ordinal);

    public Uri Realm { get; set; } = new("http://unset.invalid/token");

    /// <summary>The credential that counts from now on; a test may change it under the server's feet.</summary>
    public (string Username, string Password) Credential { get; set; } = (options.Username, options.Password);

    /// <summary>Whether the request may go on; else it is answered.</summary>
    public async Task<bool> AdmitAsync(HttpContext context, UpstreamRequest request)
    {
        var fault = faults.Take(FaultStage.Authorisation, request);
        if (fault?.Fault == UpstreamFault.TokenExpires)
        {
            tokens.TryRemove(request.Authorization!["Bearer ".Length..], out _);
        }

        var error = fault is not null ? "invalid_token" : Refusal(request);
        if (error is null)
        {
            return true;
        }

        context.Response.Headers.WWWAuthenticate = Challenge(request.Repository, error);
        await UpstreamAnswers.ErrorAsync(context, 401, "UNAUTHORIZED", "authentication required");
        return false;
    }

    public async Task AnswerTokenAsync(HttpContext context)
    {
        var hasCredential = context.Request.Headers.Authorization.Count > 0;
        if (hasCredential && !IsCredential(context.Request.Headers.Authorization.ToString()))
        {
            await UpstreamAnswers.ErrorAsync(context, 401, "UNAUTHORIZED", "incorrect username or password");
            return;
        }

        var repositories = context.Request.Query["scope"]
            .SelectMany(scope => (scope ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(scope => scope.Split(':'))
            .Where(parts => parts is ["repository", _, _] && parts[2].Split(',').Contains("pull", StringComparer.Ordinal))
            .Select(parts => parts[1])
            .Where(repository => hasCredential || !contents.IsPrivate(repository));
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        tokens[token] = new Token([.. repositories], options.Time.GetUtcNow() + options.TokenLifetime);
        var answer = options.TokenFields.ToDictionary(field => field, _ => (object)token);
        answer["expires_in"] = (int)options.TokenLifetime.TotalSeconds;
        answer["issued_at"] = options.Time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        await context.Response.WriteAsJsonAsync(answer);
    }

    /// <summary>Makes every token that was given invalid.</summary>
    public void RevokeTokens() => tokens.Clear();

    private string? Refusal(UpstreamRequest request)
    {
        var authorization = request.Authorization ?? "";
        switch (options.Authentication)
        {
            case UpstreamAuthentication.None:
                return null;
            case UpstreamAuthentication.Basic:
                return IsCredential(authorization) ? null : "";
            default:
                if (!authorization.StartsWith("Bearer ", StringComparison.Ordinal))
                {
                    return "";
                }

                if (!tokens.TryGetValue(authorization["Bearer ".Length..], out var token) || token.Until <= options.Time.GetUtcNow())
                {
                    return "invalid_token";
                }

                return request.Repository is null || token.Repositories.Contains(request.Repository) ? null : "insufficient_scope";
        }
    }

    private string Challenge(string? repository, string error)
    {
        if (options.Authentication == UpstreamAuthentication.Basic)
        {
            return "Basic realm=\"fake\"";
        }

        var challenge = $"Bearer realm=\"{Realm}\",service=\"{Service}\"";
        challenge += repository is null ? "" : $",scope=\"repository:{repository}:pull\"";
        return error.Length == 0 ? challenge : $"{challenge},error=\"{error}\"";
    }

    private bool IsCredential(string authorization) =>
        authorization == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Credential.Username}:{Credential.Password}"));

    private sealed record Token(HashSet<string> Repositories, DateTimeOffset Until);
}
