using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Millpond.Tests.Fixtures;

/// <summary>What an operator puts in front of a server: it passes requests on for whoever says a user name and password.</summary>
internal sealed class LoginProxy : IAsyncDisposable
{
    public const string Username = "alice";
    public const string Password = "a:secret";

    private readonly WebApplication application;
    private readonly HttpClient client = new();
    private readonly Uri server;
    private readonly ConcurrentQueue<string?> authorizations = new();

    private LoginProxy(Uri server)
    {
        this.server = server;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        application = builder.Build();
        application.Urls.Add("http://127.0.0.1:0");
        application.MapFallback(AnswerAsync);
    }

    public Uri Address => new(application.Urls.First());

    /// <summary>Paths under this need no login.</summary>
    public string Open { get; set; } = "/none";

    /// <summary>The Authorization header of every request so far.</summary>
    public IReadOnlyList<string?> Authorizations => [.. authorizations];

    public static async Task<LoginProxy> StartAsync(Uri server)
    {
        var proxy = new LoginProxy(server);
        await proxy.application.StartAsync();
        return proxy;
    }

    /// <summary>What <c>docker login</c> writes.</summary>
    public string Logins(string password = Password) =>
        $$"""{"auths": {"other.example.com": {}, "{{Address.Authority}}": {"auth": "{{Encode(password)}}"} } }""";

    public async ValueTask DisposeAsync()
    {
        await application.DisposeAsync();
        client.Dispose();
    }

    private static string Encode(string password) => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{password}"));

    private async Task AnswerAsync(HttpContext context)
    {
        authorizations.Enqueue(context.Request.Headers.Authorization);
        if (!context.Request.Path.StartsWithSegments(Open, StringComparison.Ordinal) && context.Request.Headers.Authorization != $"Basic {Encode(Password)}")
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"images\"";
            return;
        }

        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(server, context.Request.Path + context.Request.QueryString));
        request.Headers.TryAddWithoutValidation("Accept", (string?)context.Request.Headers.Accept);
        request.Headers.CacheControl = CacheControlHeaderValue.TryParse(context.Request.Headers.CacheControl, out var control) ? control : null;
        request.Headers.Range = RangeHeaderValue.TryParse(context.Request.Headers.Range, out var range) ? range : null;
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
        context.Response.ContentLength = response.Content.Headers.ContentLength;
        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
