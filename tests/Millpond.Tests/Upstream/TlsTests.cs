using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

public sealed class TlsTests : IDisposable
{
    private static readonly SecretWords NoSecrets = new(TestClients.Rule(new Uri("https://upstream.test")), []);

    private static readonly Digest Blob = Digest.Sha256("blob"u8);

    private readonly TestAuthority authority = new();

    public void Dispose() => authority.Dispose();

    [Fact]
    public async Task A_bundle_of_the_rule_is_trusted_for_the_registry_and_where_it_leads()
    {
        using var certificate = authority.Server("127.0.0.1");
        await using var cdn = await StartAsync(certificate, _ => Task.CompletedTask);
        await using var registry = await StartAsync(certificate, context =>
        {
            context.Response.Redirect($"{cdn.Url}blob");
            return Task.CompletedTask;
        });

        Assert.Equal(UpstreamOutcome.Found, (await PingAsync(registry, new UpstreamTls(authority.Bundle))).Outcome);
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Tls = new UpstreamTls(authority.Bundle) });
        Assert.Equal(UpstreamOutcome.Found, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Single(cdn.Requests);
    }

    [Fact]
    public async Task The_bundle_may_hold_several_and_the_server_may_send_an_intermediate()
    {
        using var deep = new TestAuthority("Deep CA", withIntermediate: true);
        using var certificate = deep.Server("127.0.0.1");
        var (chain, _) = deep.WriteClient("whoever");
        var sent = new X509Certificate2Collection();
        sent.ImportFromPemFile(chain);
        await using var registry = await TestServer.StartAsync(
            _ => Task.CompletedTask,
            listen => listen.UseHttps(options => (options.ServerCertificate, options.ServerCertificateChain) = (certificate, [sent[1]])),
            "https");
        await File.WriteAllTextAsync(authority.FilePath("both.pem"), $"# corporate\n{authority.Root.ExportCertificatePem()}\n\n{deep.Root.ExportCertificatePem()}\n");

        Assert.Equal(UpstreamOutcome.Found, (await PingAsync(registry, new UpstreamTls(authority.FilePath("both.pem")))).Outcome);
        Assert.Equal(UpstreamOutcome.TlsFailure, (await PingAsync(registry, new UpstreamTls(authority.Bundle))).Outcome);
    }

    [Fact]
    public async Task An_unknown_authority_is_a_tls_failure()
    {
        using var other = new TestAuthority("Other CA");
        using var certificate = other.Server("127.0.0.1");
        await using var registry = await StartAsync(certificate, _ => Task.CompletedTask);

        var unknown = await PingAsync(registry, new UpstreamTls());
        Assert.Equal(UpstreamOutcome.TlsFailure, unknown.Outcome);
        Assert.Contains("certificate chain", unknown.Reason, StringComparison.Ordinal);

        var wrong = await PingAsync(registry, new UpstreamTls(authority.Bundle));
        Assert.Equal(UpstreamOutcome.TlsFailure, wrong.Outcome);
        Assert.Contains("nor the bundle of the rule (tls.ca) vouches", wrong.Reason, StringComparison.Ordinal);
        Assert.Empty(registry.Requests);
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_a_tls_failure_though_its_authority_is_known()
    {
        using var certificate = authority.Server("registry.test");
        await using var registry = await StartAsync(certificate, _ => Task.CompletedTask);

        var result = await PingAsync(registry, new UpstreamTls(authority.Bundle));

        Assert.Equal(UpstreamOutcome.TlsFailure, result.Outcome);
        Assert.Contains("another name", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clients_certificate_is_no_servers()
    {
        var (file, key) = authority.WriteClient("127.0.0.1");
        using var pem = X509Certificate2.CreateFromPemFile(file, key);
        using var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        await using var registry = await TestServer.StartAsync(
            _ => Task.CompletedTask, listen => listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificate = certificate }),
            }),
            "https");

        Assert.Equal(UpstreamOutcome.TlsFailure, (await PingAsync(registry, new UpstreamTls(authority.Bundle))).Outcome);
    }

    [Fact]
    public async Task Insecure_takes_anything()
    {
        using var certificate = authority.Server("registry.test");
        await using var registry = await StartAsync(certificate, _ => Task.CompletedTask);

        Assert.Equal(UpstreamOutcome.Found, (await PingAsync(registry, new UpstreamTls(Insecure: true))).Outcome);
    }

    [Fact]
    public async Task A_missing_bundle_is_named_and_used_when_it_comes()
    {
        using var certificate = authority.Server("127.0.0.1");
        await using var registry = await StartAsync(certificate, _ => Task.CompletedTask);
        var path = authority.FilePath("later.pem");
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Tls = new UpstreamTls(path) });

        var missing = await client.PingAsync(CancellationToken.None);
        Assert.Equal((UpstreamOutcome.TlsFailure, "the CA bundle (tls.ca of rule test) cannot be read"), (missing.Outcome, TestClients.WithoutId(missing.Reason)));

        File.Copy(authority.Bundle, path);
        Assert.Equal(UpstreamOutcome.Found, (await client.PingAsync(CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task Plain_http_where_https_is_expected_is_a_tls_failure()
    {
        await using var registry = await TestServer.StartAsync(_ => Task.CompletedTask, scheme: "https");

        Assert.Equal(UpstreamOutcome.TlsFailure, (await PingAsync(registry, new UpstreamTls(authority.Bundle))).Outcome);
    }

    [Fact]
    public async Task A_client_certificate_is_shown_with_its_intermediate_and_replaced_when_its_file_is()
    {
        using var clients = new TestAuthority("Clients' CA", withIntermediate: true);
        using var certificate = authority.Server("127.0.0.1");
        await using var registry = await RequiringAsync(certificate, clients.Root);
        var (file, key) = clients.WriteClient("first");
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Tls = new UpstreamTls(authority.Bundle, file, key) });

        Assert.Equal(UpstreamOutcome.Found, (await client.PingAsync(CancellationToken.None)).Outcome);

        clients.WriteClient("second");
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        Assert.Equal(UpstreamOutcome.Found, (await client.PingAsync(CancellationToken.None)).Outcome);
        Assert.Equal(["CN=first", "CN=second"], registry.Requests.Select(request => request["X-Shown"]));
    }

    [Fact]
    public async Task Without_the_client_certificate_that_is_required_there_is_no_answer()
    {
        using var certificate = authority.Server("127.0.0.1");
        await using var registry = await RequiringAsync(certificate, authority.Root);

        // This server closes without a word; one that sends the alert is below.
        Assert.Equal(UpstreamOutcome.Unreachable, (await PingAsync(registry, new UpstreamTls(authority.Bundle))).Outcome);
        Assert.Empty(registry.Requests);
    }

    [Fact]
    public void An_alert_after_the_handshake_is_a_tls_failure()
    {
        // What HttpClient throws where a TLS 1.3 server refuses the client's certificate, or that there is none.
        var thrown = new HttpRequestException(
            "An error occurred while sending the request.",
            new IOException("The decryption operation failed.", new CryptographicException("tlsv13 alert certificate required")));

        var failure = NetworkFailures.Of(thrown, "upstream.test", NoSecrets)!;

        Assert.Equal(UpstreamOutcome.TlsFailure, failure.Outcome);
        Assert.Equal("the TLS connection to upstream.test failed: tlsv13 alert certificate required", failure.Message);
        Assert.Null(NetworkFailures.Of(new InvalidOperationException(), "upstream.test", NoSecrets));
    }

    [Fact]
    public async Task A_client_certificate_that_cannot_be_read_is_named()
    {
        using var certificate = authority.Server("127.0.0.1");
        await using var registry = await StartAsync(certificate, _ => Task.CompletedTask);

        var result = await PingAsync(registry, new UpstreamTls(authority.Bundle, "/no/such.crt", "/no/such.key"));

        Assert.Equal(UpstreamOutcome.TlsFailure, result.Outcome);
        Assert.Equal("the client certificate or its key (tls.certificate, tls.key of rule test) cannot be read", TestClients.WithoutId(result.Reason));
    }

    private static async Task<UpstreamResult<object>> PingAsync(TestServer registry, UpstreamTls tls)
    {
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Tls = tls });
        return await client.PingAsync(CancellationToken.None);
    }

    private static Task<TestServer> StartAsync(X509Certificate2 certificate, RequestDelegate answer) =>
        TestServer.StartAsync(answer, listen => listen.UseHttps(certificate), "https");

    /// <summary>A registry that takes clients of an authority only, and notes whom it saw.</summary>
    private static Task<TestServer> RequiringAsync(X509Certificate2 certificate, X509Certificate2 root) => TestServer.StartAsync(
        _ => Task.CompletedTask,
        listen => listen.UseHttps(options =>
        {
            options.ServerCertificate = certificate;
            options.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            options.ClientCertificateValidation = (shown, chain, _) =>
            {
                using var own = new X509Chain();
                own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
                own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
                own.ChainPolicy.CustomTrustStore.Add(root);
                own.ChainPolicy.ExtraStore.AddRange(chain!.ChainPolicy.ExtraStore);
                return own.Build(shown);
            };
        }),
        "https");
}
