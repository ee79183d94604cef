using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Real registries that are not simply open: a password, a private authority, a proxy in between; and what a client's own credential does.</summary>
[Trait("Category", "Clients")]
public sealed class UpstreamAccessTests
{
    private static readonly RealImage single = new(RealImages.Single);

    [Fact]
    public async Task A_registry_behind_a_password_is_pulled_with_the_credential_of_a_file()
    {
        await using var cache = await CachedRegistry.StartAsync(
            await DockerRegistry.StartAsync(needsPassword: true), (rule, folder) => rule with { Credential = FileWith(folder, DockerRegistry.Password), Allow = ["demo/**"] });
        await using var crane = new Crane();

        Assert.Equal(await cache.Upstream.DigestOfAsync(single), await crane.PullAsync(cache.Address.Authority, single.Under(CachedRegistry.Prefix)));
    }

    [Fact]
    public async Task A_refused_credential_is_named_as_ours()
    {
        await using var cache = await CachedRegistry.StartAsync(
            await DockerRegistry.StartAsync(needsPassword: true), (rule, folder) => rule with { Credential = FileWith(folder, "wrong"), Allow = ["demo/**"] });
        using var crane = new ClientProgram("crane");

        var answer = await crane.RunAsync("manifest", "--insecure", cache.NameOf(single));

        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains("DENIED", answer.Errors, StringComparison.Ordinal);
        Assert.Contains(CachedRegistry.Prefix, answer.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_with_a_private_authority_is_pulled_through_a_proxy()
    {
        using var certificates = new TestCertificates();
        await using var proxy = new ConnectProxy();
        var upstream = await DockerRegistry.StartAsync(certificates, needsPassword: true);
        var behind = new UriBuilder(upstream.Address) { Host = ConnectProxy.HostBehind }.Uri;
        await using var cache = await CachedRegistry.StartAsync(upstream, (rule, folder) => rule with
        {
            Upstream = behind,
            Proxy = $"{proxy.Address}",
            Tls = new UpstreamTls(Ca: folder.Write("ca.pem", certificates.AuthorityPem)),
            Credential = FileWith(folder, DockerRegistry.Password),
            Allow = ["demo/**"],
        });
        await using var skopeo = new Skopeo();

        Assert.Equal(await upstream.DigestOfAsync(single), await skopeo.PullAsync(cache.Address.Authority, single.Under(CachedRegistry.Prefix)));
        Assert.NotEmpty(proxy.Requests);
        Assert.All(proxy.Requests, line => Assert.Equal($"CONNECT {behind.Authority} HTTP/1.1", line));
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_is_refused()
    {
        using var certificates = new TestCertificates();
        await using var cache = await CachedRegistry.StartAsync(await DockerRegistry.StartAsync(certificates));
        using var crane = new ClientProgram("crane");

        var answer = await crane.RunAsync("manifest", "--insecure", cache.NameOf(single));

        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains("UNAVAILABLE", answer.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clients_own_credential_never_reaches_the_registry()
    {
        await using var cache = await CachedRegistry.StartAsync(await DockerRegistry.StartAsync(needsPassword: true));

        // Forwarded, this one would be let in.
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(cache, DockerRegistry.Password));
    }

    [Fact]
    public async Task A_clients_wrong_credential_does_no_harm()
    {
        await using var cache = await CachedRegistry.StartAsync(
            await DockerRegistry.StartAsync(needsPassword: true), (rule, folder) => rule with { Credential = FileWith(folder, DockerRegistry.Password), Allow = ["demo/**"] });
        using var skopeo = new ClientProgram("skopeo");

        Assert.Equal(HttpStatusCode.OK, await AskAsync(cache, "wrong"));
        var copy = await skopeo.RunAsync("copy", "-q", "--src-creds", "mallory:wrong", "--src-tls-verify=false", $"docker://{cache.NameOf(single)}", "dir:image");
        copy.ShouldSucceed();
    }

    private static CredentialSource FileWith(TemporaryFolder folder, string password)
    {
        var file = folder.Write("credential.json", $$"""{"username": "{{DockerRegistry.Username}}", "accessToken": "{{password}}"}""");
        return new CredentialSource(file, UsernameEnv: null, TokenEnv: null);
    }

    private static async Task<HttpStatusCode> AskAsync(CachedRegistry cache, string password)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cache.Address, $"/v2/{CachedRegistry.Prefix}/{single.Repository}/manifests/1"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DockerRegistry.Username}:{password}")));
        using var response = await http.SendAsync(request);
        return response.StatusCode;
    }
}
