using System.Text;
using System.Text.Json.Nodes;
using Millpond.Cli;
using Millpond.Cli.Cluster;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli.Cluster;

/// <summary>Which files say how a cluster is reached, and what they say together.</summary>
public sealed class KubeconfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Several_files_count_as_one()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var parts = cluster.Kubeconfig().Split("clusters:\n");
        var contexts = folder.Write("contexts", parts[0]);
        var clusters = folder.Write("clusters", "current-context: ''\nclusters:\n" + parts[1]);
        var empty = folder.Write("empty", "");

        using var connection = ClusterConnection.Open(Named(empty, folder.Write("comment", "# none\n"), folder.File("away"), clusters, contexts), TimeProvider.System);
        using var answer = await connection.GetAsync("/api/v1/pods", TestContext.Current.CancellationToken);

        Assert.Equal(cluster.Address.Authority, connection.Server.Authority);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
    }

    [Fact]
    public void What_the_first_file_says_of_a_name_counts_and_paths_are_meant_from_their_own_file()
    {
        Directory.CreateDirectory(folder.File("a"));
        Directory.CreateDirectory(folder.File("b"));
        var first = folder.Write("a/config", Config("one", "https://one.example", ""));
        var second = folder.Write("b/config", Config("one", "https://two.example", "here") + "- {name: two, cluster: {server: 'https://two.example', certificate-authority: /etc/ca.pem}}\n");

        var read = Kubeconfigs.Read(Kubeconfigs.Of(Named(first, second)))!;

        Assert.Equal("here", read.CurrentContext);
        Assert.Equal(
            [("one", "https://one.example", folder.File("a/ca.pem")), ("two", "https://two.example", "/etc/ca.pem")],
            read.Clusters.Select(cluster => (cluster.Name, cluster.ClusterEndpoint.Server, cluster.ClusterEndpoint.CertificateAuthority)));
        Assert.Equal((folder.File("a/c.crt"), folder.File("a/sub/c.key")), (read.Users.Single().UserCredentials.ClientCertificate, read.Users.Single().UserCredentials.ClientKey));
        Assert.Equal(folder.File("b/ca.pem"), Kubeconfigs.Read(Kubeconfigs.Of(Named(second, first)))!.Clusters.First().ClusterEndpoint.CertificateAuthority);
    }

    [Fact]
    public void Where_no_file_is_there_it_is_said_which_were_looked_for()
    {
        var failure = Assert.Throws<CommandFailedException>(() => ClusterConnection.Open(Named("/no/such/a", "/no/such/b"), TimeProvider.System));
        Assert.Contains("KUBECONFIG names no file that is there (/no/such/a:/no/such/b)", failure.Message, StringComparison.Ordinal);
        Assert.Contains("--kubeconfig FILE", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>The token that the provider keeps; and what a program prints, with its argument and variable.</summary>
    [Theory]
    [InlineData("{auth-provider: {name: oidc, config: {id-token: token-of-alice, refresh-token: r, idp-issuer-url: 'https://issuer.example', client-id: c}}}")]
    [InlineData("{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./login, args: [alice], env: [{name: KIND, value: token}]}}")]
    public async Task Whoever_logs_in_otherwise_is_let_in(string user)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the program is a script");
        await using var cluster = await FakeCluster.StartAsync();
        var program = folder.Write("login", """
            #!/bin/sh
            echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"$KIND-of-$1\"}}"
            """);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var config = folder.Write("config", cluster.Kubeconfig().Replace("{token: \"token-of-alice\"}", user, StringComparison.Ordinal));

        using var connection = ClusterConnection.Open(Named(config), TimeProvider.System);
        using var answer = await connection.GetAsync("/api/v1/pods", TestContext.Current.CancellationToken);

        Assert.Contains(user, await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
    }

    [Theory]
    [InlineData("certificate-authority-data: CA64", true)]
    [InlineData("certificate-authority: ca.pem", true)]
    [InlineData("certificate-authority: ca.pem, tls-server-name: localhost", true)]
    [InlineData("insecure-skip-tls-verify: true", true)]
    [InlineData("certificate-authority: ca.pem, tls-server-name: another.example", false)]
    [InlineData("certificate-authority: stranger.pem", false)]
    [InlineData("", false)]
    public async Task Only_a_server_that_the_kubeconfig_vouches_for_is_spoken_to(string trust, bool isTrusted)
    {
        using var certificates = new TestCertificates();
        using var strangers = new TestCertificates();
        using var certificate = certificates.Issue();
        await using var cluster = await FakeCluster.StartAsync(certificate);
        folder.Write("ca.pem", certificates.AuthorityPem);
        folder.Write("stranger.pem", strangers.AuthorityPem);
        var config = folder.Write("config", Trusting(cluster, trust.Replace("CA64", Base64(certificates.AuthorityPem), StringComparison.Ordinal)));

        using var connection = ClusterConnection.Open(Named(config), TimeProvider.System);
        var asking = connection.GetAsync("/api/v1/pods", TestContext.Current.CancellationToken);

        if (isTrusted)
        {
            using var answer = await asking;
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
        }
        else
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => asking);
        }
    }

    [Theory]
    [InlineData("{client-certificate: own.crt, client-key: own.key}")]
    [InlineData("{client-certificate-data: CERTIFICATE, client-key-data: KEY}")]
    [InlineData("{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: cat, args: [ANSWER]}}")]
    public async Task A_certificate_is_a_login(string user)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the program is cat");
        using var certificates = new TestCertificates();
        using var certificate = certificates.Issue();
        var (own, key) = certificates.IssueFiles(folder, "own");
        var (ownPem, keyPem) = (await File.ReadAllTextAsync(own, TestContext.Current.CancellationToken), await File.ReadAllTextAsync(key, TestContext.Current.CancellationToken));
        var answered = folder.Write("answer", new JsonObject
        {
            ["apiVersion"] = "client.authentication.k8s.io/v1",
            ["kind"] = "ExecCredential",
            ["status"] = new JsonObject { ["clientCertificateData"] = ownPem, ["clientKeyData"] = keyPem },
        }.ToJsonString());
        await using var cluster = await FakeCluster.StartAsync(certificate);
        folder.Write("ca.pem", certificates.AuthorityPem);
        var config = folder.Write("config", Trusting(cluster, "certificate-authority: ca.pem").Replace("{token: \"token-of-alice\"}", user, StringComparison.Ordinal)
            .Replace("CERTIFICATE", Base64(ownPem), StringComparison.Ordinal).Replace("KEY", Base64(keyPem), StringComparison.Ordinal).Replace("ANSWER", answered, StringComparison.Ordinal));

        using var connection = ClusterConnection.Open(Named(config), TimeProvider.System);
        using var answer = await connection.GetAsync("/api/v1/pods", TestContext.Current.CancellationToken);

        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
    }

    [Theory]
    [InlineData("{client-certificate-data: AAAA, client-key-data: AAAA}")]
    [InlineData("{client-certificate-data: '%', client-key-data: '%'}")]
    [InlineData("{client-certificate: away.crt, client-key: away.key}")]
    [InlineData("{client-certificate: one.crt, client-key: other.key}")]
    public async Task A_login_that_is_none_is_said_at_once(string user)
    {
        using var certificates = new TestCertificates();
        certificates.IssueFiles(folder, "one");
        certificates.IssueFiles(folder, "other");
        await using var cluster = await FakeCluster.StartAsync();
        var config = folder.Write("config", cluster.Kubeconfig().Replace("{token: \"token-of-alice\"}", user, StringComparison.Ordinal));
        var failure = Assert.Throws<CommandFailedException>(() => ClusterConnection.Open(Named(config), TimeProvider.System));
        Assert.Contains("The kubeconfig cannot be used: ", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clusters: [")]
    [InlineData("clusters: {a: b}")]
    public void A_file_that_cannot_be_read_is_named(string content)
    {
        var good = folder.Write("good", Config("one", "https://one.example", "here"));
        var bad = folder.Write("bad", content);
        var failure = Assert.Throws<CommandFailedException>(() => ClusterConnection.Open(Named(good, bad), TimeProvider.System));
        Assert.Contains(bad, failure.Message, StringComparison.Ordinal);
    }

    private static ClusterSelection Named(params string[] files) =>
        new(null, null, null, CustomResources: false) { KubeconfigVariable = string.Join(Path.PathSeparator, files) };

    private static string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));

    private static string Trusting(FakeCluster cluster, string trust)
    {
        var server = $"server: \"{cluster.Address.GetLeftPart(UriPartial.Authority)}\"";
        return cluster.Kubeconfig().Replace(server, trust.Length == 0 ? server : $"{server}, {trust}", StringComparison.Ordinal);
    }

    private static string Config(string name, string server, string current) => $$"""
        apiVersion: v1
        kind: Config
        current-context: "{{current}}"
        users:
        - {name: alice, user: {client-certificate: c.crt, client-key: sub/c.key} }
        contexts:
        - {name: here, context: {cluster: one, user: alice} }
        clusters:
        - {name: {{name}}, cluster: {server: "{{server}}", certificate-authority: ca.pem} }

        """;
}
