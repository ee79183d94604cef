using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Upstream;

/// <summary>An upstream that repeats what it was sent, across every cut: nothing of it reaches answers, logs, reports or metrics.</summary>
public sealed class ForeignWordsTests : IDisposable
{
    private const string Password = "Pa5s-w0rd_of-The.Robot~93741";
    private const string Token = "tok.eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb2JvdCJ9";
    private const string HeaderValue = "k3y-value-0f-the-Rule/7788";
    private const string ProxyLogin = "pr0xy-user:pr0xy-Passw0rd-5512";

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Secrets => [Password, Token, HeaderValue, ProxyLogin, ProxyLogin.Split(':')[1], Basic($"robot:{Password}"), Basic(ProxyLogin)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Secrets))]
    public async Task What_an_upstream_repeats_of_what_it_was_sent_goes_nowhere(string secret)
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.TokenAnswer = context => context.Response.WriteAsync($$"""{"token":"{{Token}}"}""");
        var file = Path.Join(folder.Path, "login.json");
        await File.WriteAllTextAsync(file, $$"""{"username":"robot","accessToken":"{{Password}}"}""");
        var rule = MillpondHost.Rule("up", registry.Url) with
        {
            Credential = new CredentialSource(file, null, null),
            Headers = [new("X-Api-Key", HeaderValue)],
        };

        // Its own listener stands in for the proxy too: it answers whatever it is asked.
        rule = rule with { Proxy = new UriBuilder(registry.Url) { UserName = ProxyLogin.Split(':')[0], Password = ProxyLogin.Split(':')[1] }.Uri.AbsoluteUri };
        await using var host = await MillpondHost.StartAsync([rule], new MillpondHostOptions { AllowErrors = true });
        var seen = new StringBuilder();
        for (var before = 160; before < 200; before += 3)
        {
            var said = new string('x', before) + secret;
            registry.Answer = Says(before % 4, said);
            using var answer = await host.ManifestAsync("up/team/app", $"v{before}");
            Assert.False(answer.IsSuccessStatusCode);
            seen.AppendLine(await answer.Content.ReadAsStringAsync());
        }

        foreach (var path in new[] { "-/upstreams", "-/rules", "metrics" })
        {
            seen.AppendLine(await host.Client.GetStringAsync(new Uri(host.Address, path)));
        }

        seen.AppendJoin('\n', host.Log.Lines);
        var all = seen.ToString();
        Assert.Contains("xxxxxxxx", all, StringComparison.Ordinal);
        Assert.DoesNotContain(Enumerable.Range(0, secret.Length - 7).Select(i => secret.Substring(i, 8)), piece => all.Contains(piece, StringComparison.Ordinal));
    }

    private static RequestDelegate Says(int way, string said) => context =>
    {
        var response = context.Response;
        switch (way)
        {
            case 0:
                response.ContentType = $"text/{said.Replace('/', '-')}";
                return response.WriteAsync("<html>");
            case 1:
                response.StatusCode = (int)HttpStatusCode.Found;
                response.Headers.Location = $"http://10.0.0.1/{said}";
                return Task.CompletedTask;
            default:
                response.StatusCode = way == 2 ? 500 : 403;
                return response.WriteAsync($$$"""{"errors":[{"code":"DENIED","message":"{{{said}}}"}]}""");
        }
    };

    private static string Basic(string login) => Convert.ToBase64String(Encoding.UTF8.GetBytes(login));
}
