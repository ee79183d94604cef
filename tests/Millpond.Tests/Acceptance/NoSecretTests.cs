using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// Everything secret that a server comes to know, through whatever door, and then everything that it has written or said: none of the one is in
/// the other. What a client is told because it asked for it (a key when it is made, a secret's value, a token) is what is looked for elsewhere.
/// </summary>
public sealed class NoSecretTests
{
    private readonly List<(string What, string Text)> secrets = [];
    private readonly StringBuilder said = new();

    [Fact]
    public async Task Nothing_secret_is_in_the_database_the_logs_the_metrics_the_errors_or_the_reports()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Bearer, Password = "hub-password-4f7b" });
        upstream.Add("library/app", TestImages.OnePlatform(1), "1");
        upstream.MakePrivate("library/app");
        await using (var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("open", upstream)],
            new() { Data = folder, Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1"), Log = new(LogLevel.Trace) } }))
        {
            var root = AwsClient.Root(host);
            secrets.Add(("the root's key", root.Secret));
            await UseAsync(host, root, upstream);
            await FailAsync(host, root, upstream);
            await ReportAsync(host, await root.LoginAsync());
            foreach (var line in host.Log.Lines)
            {
                said.AppendLine(line.ToString());
            }

            CheckFiles(folder);
        }

        CheckFiles(folder);
        foreach (var (what, text) in secrets)
        {
            Assert.True(text.Length > 8, what);
            Assert.False(Holds(said.ToString(), text), $"{what} was said: {Around(said.ToString(), text)}");
        }
    }

    /// <summary>Everything that is given to keep, or told once.</summary>
    private async Task UseAsync(MillpondHost host, AwsClient root, FakeUpstream upstream)
    {
        secrets.Add(("the upstream's password", upstream.Credential.Password));
        var first = await root.SecretsAsync("CreateSecret", Secret("ecr-pullthroughcache/hub", upstream.Credential.Username, "wrong-password-9c1d"));
        secrets.Add(("a former value of the secret", "wrong-password-9c1d"));
        var arn = (string)first.Json["ARN"]!;
        var url = upstream.Address.GetLeftPart(UriPartial.Authority);
        await OkAsync(root.EcrAsync("CreatePullThroughCacheRule", JsonSerializer.Serialize(new { ecrRepositoryPrefix = "hub", upstreamRegistryUrl = url, credentialArn = arn })));
        Say(await root.EcrAsync("ValidatePullThroughCacheRule", """{"ecrRepositoryPrefix":"hub"}"""));
        var login = await root.LoginAsync();
        secrets.Add(("a token", Encoding.ASCII.GetString(Convert.FromBase64String(login["Basic ".Length..])).Split(':')[1]));
        await GetAsync(host, login, "/v2/hub/library/app/manifests/1");
        await OkAsync(root.SecretsAsync("PutSecretValue", JsonSerializer.Serialize(new { SecretId = arn, SecretString = JsonSerializer.Serialize(new { username = upstream.Credential.Username, accessToken = upstream.Credential.Password }) })));
        Assert.Equal(200, await GetAsync(host, login, "/v2/hub/library/app/manifests/1"));
        Say(await root.SecretsAsync("DescribeSecret", """{"SecretId":"ecr-pullthroughcache/hub"}"""));
        Say(await root.SecretsAsync("ListSecrets"));
        Say(await root.EcrAsync("DescribePullThroughCacheRules"));

        var robot = await root.OwnAsync("CreateRobot", """{"name":"ci","policies":["PullOnly"]}""");
        var password = (string)robot.Json["password"]!;
        secrets.Add(("a robot's password", password));
        Assert.Equal(200, await GetAsync(host, Basic("ci", password), "/v2/"));
        using var bearer = await host.Client.SendAsync(Request(host, Basic("ci", password), "/v2/token"));
        var token = (string)System.Text.Json.Nodes.JsonNode.Parse(await bearer.Content.ReadAsStringAsync())!["token"]!;
        secrets.Add(("a bearer token", token));
        Assert.Equal(200, await GetAsync(host, "Bearer " + token, "/v2/"));

        var user = await root.PrincipalAsync("arn:aws:iam::111111111111:user/user", "ReadOnly");
        secrets.Add(("a user's key", user.Secret));
        var session = await root.OwnAsync("CreatePrincipal", """{"arn":"arn:aws:iam::111111111111:user/session","policies":["ReadOnly"],"lifetimeSeconds":600}""");
        secrets.Add(("a session's key", (string)session.Json["secretAccessKey"]!));
        secrets.Add(("a session's token", (string)session.Json["sessionToken"]!));
        await OkAsync((root with { KeyId = (string)session.Json["accessKeyId"]!, Secret = (string)session.Json["secretAccessKey"]!, SessionToken = (string)session.Json["sessionToken"]! }).EcrAsync("GetAuthorizationToken"));
        Say(await root.OwnAsync("ListPrincipals"));
        Say(await root.OwnAsync("ListRobots"));
        var key = File.ReadAllText(Path.Join(host.DataFolder, "secrets", "key")).Split('\n').First(line => line.Length > 0 && line[0] != '#');
        secrets.Add(("the sealing key", key));
    }

    /// <summary>Everything wrong with what is secret in it.</summary>
    private async Task FailAsync(MillpondHost host, AwsClient root, FakeUpstream upstream)
    {
        foreach (var login in (string[])[Basic("ci", "a-guess-77aa"), "Bearer a-false-token-88bb", "Negotiate a-ticket-99cc", Basic("AWS", "old-token-66dd")])
        {
            Assert.Equal(401, await GetAsync(host, login, "/v2/hub/library/app/manifests/1"));
        }

        secrets.AddRange([("a guess", "a-guess-77aa"), ("a false token", "a-false-token-88bb"), ("a ticket", "a-ticket-99cc"), ("an old token", "old-token-66dd")]);
        secrets.Add(("a value that is refused", "refused-value-55ee"));
        Say(await root.SecretsAsync("CreateSecret", """{"Name":"a b","SecretString":"refused-value-55ee"}"""));
        Say(await root.SecretsAsync("CreateSecret", """{"Name":"x","SecretString":"refused-value-55ee","SecretBinary":"AQID"}"""));
        Say(await root.SecretsAsync("CreateSecret", """{"Name":"x","SecretString":["refused-value-55ee"]}"""));
        Say(await root.SecretsAsync("PutSecretValue", """{"SecretId":"refused-value-55ee","SecretString":"refused-value-55ee" """));
        secrets.Add(("what a secret holds that is none for a rule", "no-json-44ff"));
        var odd = await OkAsync(root.SecretsAsync("CreateSecret", """{"Name":"ecr-pullthroughcache/odd","SecretString":"no-json-44ff"}"""));
        await OkAsync(root.EcrAsync("CreatePullThroughCacheRule", JsonSerializer.Serialize(new
        {
            ecrRepositoryPrefix = "odd",
            upstreamRegistryUrl = upstream.Address.GetLeftPart(UriPartial.Authority),
            credentialArn = (string)odd.Json["ARN"]!,
        })));
        Say(await root.EcrAsync("ValidatePullThroughCacheRule", """{"ecrRepositoryPrefix":"odd"}"""));
        var owner = await root.LoginAsync();
        Assert.Equal(502, await GetAsync(host, owner, "/v2/odd/library/app/manifests/1"));
        upstream.Credential = (upstream.Credential.Username, "changed-elsewhere-33aa");
        upstream.RevokeTokens();
        Assert.True(await GetAsync(host, owner, "/v2/hub/library/other/manifests/1") >= 400);
        using var layer = await host.Client.GetAsync(new Uri(host.Address, $"/v2/hub/library/app/blobs/sha256:{new string('a', 64)}?millpond-token=a-layer-token-22bb"));
        secrets.Add(("a layer's token", "a-layer-token-22bb"));
        said.AppendLine(await layer.Content.ReadAsStringAsync());
    }

    private async Task ReportAsync(MillpondHost host, string login)
    {
        foreach (var path in (string[])["/metrics", "/-/", "/-/rules", "/-/upstreams", "/healthz", "/readyz", "/", "/v2/_catalog", "/v2/hub/library/app/tags/list"])
        {
            Assert.Equal((path, 200), (path, await GetAsync(host, login, path)));
        }
    }

    /// <summary>Of the files those are left out whose only purpose is to hold one of them, for their owner alone.</summary>
    private void CheckFiles(TemporaryFolder folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder.File("data"), "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) is not ("root-credentials" or "key" or "lock")))
        {
            var content = Encoding.Latin1.GetString(File.ReadAllBytes(path));
            foreach (var (what, text) in secrets)
            {
                Assert.False(Holds(content, text), $"{what} is in {Path.GetFileName(path)}: {Around(content, text)}");
            }
        }
    }

    /// <summary>As it is, as base64 has it in a header, or as a URL has it.</summary>
    private static bool Holds(string text, string secret) =>
        text.Contains(secret, StringComparison.Ordinal) || text.Contains(Uri.EscapeDataString(secret), StringComparison.Ordinal)
        || text.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)).TrimEnd('=')[..^1], StringComparison.Ordinal);

    private static string Around(string text, string secret) =>
        text.IndexOf(secret, StringComparison.Ordinal) is >= 0 and var at ? text[Math.Max(0, at - 100)..Math.Min(text.Length, at + 100)] : "in another form";

    private void Say(AwsAnswer answer) => said.AppendLine(answer.Text);

    private static async Task<AwsAnswer> OkAsync(Task<AwsAnswer> call)
    {
        var answer = await call;
        Assert.True(answer.Status == 200, answer.Text);
        return answer;
    }

    private async Task<int> GetAsync(MillpondHost host, string login, string path)
    {
        using var request = Request(host, login, path);
        using var answer = await host.Client.SendAsync(request);
        said.AppendLine($"{path}: {answer.ReasonPhrase} {answer.Headers} {await answer.Content.ReadAsStringAsync()}");
        return (int)answer.StatusCode;
    }

    private static HttpRequestMessage Request(MillpondHost host, string login, string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, path));
        request.Headers.TryAddWithoutValidation("Authorization", login);
        return request;
    }

    private static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    private static string Secret(string name, string username, string accessToken) =>
        JsonSerializer.Serialize(new { Name = name, SecretString = JsonSerializer.Serialize(new { username, accessToken }) });
}
