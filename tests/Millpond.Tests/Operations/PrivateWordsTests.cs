using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

/// <summary>What clients are told of a failure names no path, variable or address of the server, nor a host that the upstream led to; its log does.</summary>
public sealed class PrivateWordsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Failures => ["credential file", "credential variables", "ca", "client certificate", "proxy", "redirect", "realm"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task What_is_private_stands_in_the_log_under_the_id_that_the_answer_names(string failure)
    {
        var led = new Uri("http://10.11.12.13:8123/inside");
        await using var upstream = await Millpond.Tests.Upstream.TestServer.StartAsync(context =>
        {
            if (failure == "realm")
            {
                context.Response.StatusCode = 401;
                context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{led}\"";
            }
            else
            {
                context.Response.StatusCode = (int)HttpStatusCode.Found;
                context.Response.Headers.Location = led.AbsoluteUri;
            }

            return Task.CompletedTask;
        });
        using var certificates = new TestCertificates();
        await using var secure = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Tls = certificates });
        var file = Path.Join(folder.Path, "private-file");
        var plain = MillpondHost.Rule("up", upstream.Url) with { UpstreamName = "registry.example" };
        var encrypted = plain with { Upstream = secure.Address };
        var (rule, hidden) = failure switch
        {
            "credential file" => (plain with { Credential = new CredentialSource(file, null, null) }, file),
            "credential variables" => (plain with { Credential = new CredentialSource(null, "MP_NO_SUCH_USER", "MP_NO_SUCH_TOKEN") }, "MP_NO_SUCH"),
            "ca" => (encrypted with { Tls = new UpstreamTls { Ca = file } }, file),
            "client certificate" => (encrypted with { Tls = new UpstreamTls { Certificate = file, Key = file } }, file),
            "proxy" => (plain with { Proxy = FakeUpstream.RefusedAddress.AbsoluteUri }, FakeUpstream.RefusedAddress.Authority),
            _ => (plain, led.Host),
        };
        await using var host = await MillpondHost.StartAsync([rule], new MillpondHostOptions { AllowErrors = true });

        using var answer = await host.ManifestAsync("up/team/app", "latest");
        var body = await answer.Content.ReadAsStringAsync();
        var report = await host.Client.GetStringAsync(new Uri(host.Address, "-/upstreams"));

        Assert.False(answer.IsSuccessStatusCode);
        Assert.Contains("registry.example", JsonNode.Parse(body)!["errors"]![0]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        foreach (var told in new[] { body, report })
        {
            Assert.DoesNotContain(hidden, told, StringComparison.Ordinal);
            Assert.DoesNotContain("127.0.0.1", told, StringComparison.Ordinal);
            Assert.DoesNotContain(folder.Path, told, StringComparison.Ordinal);
        }

        var id = Regex.Match(body, @"\(log id ([0-9a-f]{6})\)").Groups[1].Value;
        Assert.NotEmpty(id);
        Assert.Contains(host.Log.Lines, line => line.Message.Contains($"(log id {id})", StringComparison.Ordinal) && line.Message.Contains(hidden, StringComparison.Ordinal));
    }
}
