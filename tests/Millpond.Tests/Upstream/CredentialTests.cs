using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class CredentialTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Fact]
    public async Task An_unreadable_credential_is_a_refusal_that_names_the_rule_and_asks_nobody()
    {
        await File.WriteAllTextAsync(path, "not JSON");
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule with { Credential = new CredentialSource(path, null, null) });

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Refused, result.Outcome);
        Assert.Equal("the credential of rule test cannot be read", TestClients.WithoutId(result.Reason));
        Assert.Empty(registry.RegistryRequests);
    }

    [Fact]
    public async Task A_rotated_credential_gets_a_token_of_its_own_at_once()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule with { Credential = new CredentialSource(path, null, null) });
        await File.WriteAllTextAsync(path, """{"username":"acme","accessToken":"old"}""");
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        var before = client.CredentialVersion;

        await File.WriteAllTextAsync(path, """{"username":"acme","accessToken":"new"}""");
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.NotEqual(before, client.CredentialVersion);
        Assert.Equal(
            ["acme:old", "acme:new"],
            registry.TokenRequests.Select(request => System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(request["Authorization"]!["Basic ".Length..]))));
        Assert.Equal([null, "Bearer token-1", "Bearer token-2"], registry.RegistryRequests.Select(request => request["Authorization"]));
    }

    [Fact]
    public void Without_a_credential_the_version_is_anonymous()
    {
        using var client = TestClients.Client(new Uri("http://127.0.0.1:1"));

        Assert.Equal(UpstreamCredentials.AnonymousVersion, client.CredentialVersion);
    }
}
