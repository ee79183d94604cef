using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Millpond.Server.Configuration;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The AWS CLI as it is, pointed here by <c>AWS_ENDPOINT_URL</c> and the file of the first start.</summary>
[Trait("Category", "Clients")]
public sealed class AwsCliTests
{
    private const string Registry = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

    [Fact]
    public async Task The_opt_in_tier_is_set_up_and_pulled_and_a_second_account_let_in()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Bearer });
        upstream.Add("library/app", TestImages.OnePlatform(1), "1");
        upstream.MakePrivate("library/app");
        await using var host = await MillpondHost.StartAsync(
            [], new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } });
        var root = new Dictionary<string, string> { ["AWS_SHARED_CREDENTIALS_FILE"] = Path.GetFullPath(Path.Join(host.DataFolder, "root-credentials")) };
        var (user, password) = upstream.Credential;

        Assert.Contains("arn:aws:iam::111111111111:root", await RunAsync(host, root, "sts", "get-caller-identity"), StringComparison.Ordinal);
        var arn = (await RunAsync(
            host, root, "secretsmanager", "create-secret", "--name", "ecr-pullthroughcache/hub", "--secret-string", $$"""{"username":"{{user}}","accessToken":"{{password}}"}""",
            "--query", "ARN", "--output", "text")).Trim();
        await RunAsync(
            host, root, "ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "hub", "--upstream-registry-url",
            upstream.Address.GetLeftPart(UriPartial.Authority), "--credential-arn", arn);
        Assert.Equal("True", (await RunAsync(host, root, "ecr", "validate-pull-through-cache-rule", "--ecr-repository-prefix", "hub", "--query", "isValid", "--output", "text")).Trim());
        var token = (await RunAsync(host, root, "ecr", "get-login-password")).Trim();
        Assert.Equal(200, await StatusAsync(host, token));
        Assert.Contains("hub/library/app", await RunAsync(host, root, "ecr", "describe-repositories"), StringComparison.Ordinal);
        Assert.Contains("\"imageTag\": \"1\"", await RunAsync(host, root, "ecr", "list-images", "--repository-name", "hub/library/app"), StringComparison.Ordinal);

        // The accounts: dev by the registry's policy, another not.
        await RunAsync(
            host, root, "ecr", "put-registry-policy", "--policy-text",
            """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["222222222222","333333333333"]},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}]}""");
        foreach (var (account, status) in new[] { ("222222222222", 200), ("333333333333", 200), ("444444444444", 403) })
        {
            var client = await AwsClient.Root(host).PrincipalAsync($"arn:aws:iam::{account}:role/node", "PullOnly");
            var keys = new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = client.KeyId, ["AWS_SECRET_ACCESS_KEY"] = client.Secret };
            Assert.Equal(status, await StatusAsync(host, (await RunAsync(host, keys, "ecr", "get-login-password")).Trim()));
        }
    }

    [Fact]
    public async Task A_lifecycle_policy_is_previewed_waited_for_and_put()
    {
        await using var host = await MillpondHost.StartAsync([], new());
        var root = new Dictionary<string, string> { ["AWS_SHARED_CREDENTIALS_FILE"] = Path.GetFullPath(Path.Join(host.DataFolder, "root-credentials")) };
        var team = new Push.PushClient(host, "team/app");
        foreach (var number in (int[])[1, 2, 3])
        {
            await team.PushAsync(TestImages.OnePlatform(number, layers: 1), $"v{number}");
        }

        var policy = """{"rules":[{"rulePriority":1,"description":"keep the last one of all images","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}""";
        await RunAsync(host, root, "ecr", "start-lifecycle-policy-preview", "--repository-name", "team/app", "--lifecycle-policy-text", policy);
        await RunAsync(host, root, "ecr", "wait", "lifecycle-policy-preview-complete", "--repository-name", "team/app");
        Assert.Equal("2", (await RunAsync(
            host, root, "ecr", "get-lifecycle-policy-preview", "--repository-name", "team/app", "--query", "summary.expiringImageTotalCount", "--output", "text")).Trim());
        await RunAsync(host, root, "ecr", "put-lifecycle-policy", "--repository-name", "team/app", "--lifecycle-policy-text", policy);
        Assert.Contains("keep the last one", await RunAsync(host, root, "ecr", "get-lifecycle-policy", "--repository-name", "team/app"), StringComparison.Ordinal);

        // The program's own command, as it is run beside a server.
        using var millpond = new ClientProgram(Path.Join(AppContext.BaseDirectory, "..", "..", "Millpond.Cli", "debug", "millpond"));
        millpond.Environment["AWS_SHARED_CREDENTIALS_FILE"] = root["AWS_SHARED_CREDENTIALS_FILE"];
        var server = host.Address.GetLeftPart(UriPartial.Authority);
        Assert.Contains("team/app: 2 would expire, 0 would be archived", (await millpond.RunAsync("lifecycle", "preview", "--server", server, "team/app")).ShouldSucceed().Output, StringComparison.Ordinal);
        Assert.Contains("team/app: 2 expired, 0 archived, 0 held", (await millpond.RunAsync("lifecycle", "run", "--server", server, "team/app")).ShouldSucceed().Output, StringComparison.Ordinal);
        Assert.Equal("", (await millpond.RunAsync("lifecycle", "held", "--server", server)).ShouldSucceed().Output);
    }

    /// <summary>The helper knows a registry of ECR by its name alone, also in the answer, and asks for its token where the variable says.</summary>
    [Fact]
    public async Task ECRs_credential_helper_gets_a_token_that_skopeo_pulls_with()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(1), "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }],
            new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1"), PublicUrl = new($"https://{Registry}") } });
        using var helper = new ClientProgram("docker-credential-ecr-login");
        helper.Environment["AWS_SHARED_CREDENTIALS_FILE"] = Path.GetFullPath(Path.Join(host.DataFolder, "root-credentials"));
        helper.Environment["AWS_ENDPOINT_URL"] = host.Address.GetLeftPart(UriPartial.Authority);
        helper.Environment["AWS_REGION"] = "eu-west-1";
        helper.Environment["AWS_ECR_DISABLE_CACHE"] = "1";
        using var skopeo = new ClientProgram("skopeo");
        var image = $"docker://{host.Address.Authority}/up/team/app:1";

        var answer = await helper.RunWithInputAsync($"{Registry}\n", "get");
        using var login = JsonDocument.Parse(answer.ShouldSucceed().Output);
        Assert.Equal("AWS", login.RootElement.GetProperty("Username").GetString());
        var pulled = await skopeo.RunAsync("inspect", "--tls-verify=false", "--creds", $"AWS:{login.RootElement.GetProperty("Secret").GetString()}", image);

        Assert.Contains(TestImages.OnePlatform(1).Digest.ToString(), pulled.ShouldSucceed().Output, StringComparison.Ordinal);
        Assert.NotEqual(0, (await skopeo.RunAsync("inspect", "--tls-verify=false", image)).ExitCode);
        Assert.NotEqual(0, (await skopeo.RunAsync("inspect", "--tls-verify=false", "--creds", "AWS:bm8=", image)).ExitCode);
    }

    /// <summary>As on a node: the helper asks for the token by https under a private authority, and containerd pulls by ECR's name of the registry.</summary>
    [Fact]
    public async Task Containerd_pulls_by_the_token_of_ECRs_credential_helper_over_TLS_from_a_private_authority()
    {
        const string Name = "111111111111.dkr-ecr.eu-west-1.on.aws";
        using var authority = new TestCertificates();
        using var folder = new TemporaryFolder();
        var (certificate, key) = authority.IssueFiles(folder, "tls", Name);
        var ca = folder.Write("ca.pem", authority.AuthorityPem);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(1), "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }],
            new()
            {
                Configure = configuration => configuration with
                {
                    Listen = [new("https://127.0.0.1:0")],
                    Tls = new(certificate, key),
                    PublicUrl = new($"https://{Name}"),
                    Access = AccessMode.Token,
                    Ecr = new("111111111111", "eu-west-1"),
                },
            });
        // In place of the private DNS in which the name stands.
        await using var proxy = new ConnectProxy(new Dictionary<string, Uri> { [Name] = host.Address });
        using var helper = new ClientProgram("docker-credential-ecr-login");
        helper.Environment["HTTPS_PROXY"] = $"{proxy.Address}";
        helper.Environment["AWS_SHARED_CREDENTIALS_FILE"] = Path.GetFullPath(Path.Join(host.DataFolder, "root-credentials"));
        helper.Environment["AWS_ENDPOINT_URL_ECR"] = $"https://{Name}";
        helper.Environment["AWS_CA_BUNDLE"] = ca;
        helper.Environment["AWS_REGION"] = "eu-west-1";
        helper.Environment["AWS_ECR_DISABLE_CACHE"] = "1";
        await using var containerd = await Containerd.StartAsync();
        using var ctr = new ClientProgram("ctr") { Limit = TimeSpan.FromMinutes(3) };
        ctr.Environment["HTTPS_PROXY"] = $"{proxy.Address}";
        Directory.CreateDirectory(ctr.File($"hosts/{Name}"));
        await File.WriteAllTextAsync(ctr.File($"hosts/{Name}/hosts.toml"), $"""
            server = "https://{Name}"
            ca = "{ca}"
            """);

        using var login = JsonDocument.Parse((await helper.RunWithInputAsync($"{Name}\n", "get")).ShouldSucceed().Output);
        var user = $"AWS:{login.RootElement.GetProperty("Secret").GetString()}";

        (await PullAsync("--user", user)).ShouldSucceed();
        Assert.Contains(
            TestImages.OnePlatform(1).Digest.ToString(), (await ctr.RunAsync("--address", containerd.Socket, "images", "list")).ShouldSucceed().Output, StringComparison.Ordinal);
        await containerd.EmptyAsync();
        Assert.NotEqual(0, (await PullAsync()).ExitCode);
        Assert.NotEqual(0, (await PullAsync("--user", "AWS:bm8=")).ExitCode);

        Task<ClientAnswer> PullAsync(params string[] user) => ctr.RunAsync(
            ["--address", containerd.Socket, "content", "fetch", "--hosts-dir", ctr.File("hosts"), .. user, $"{Name}/up/team/app:1"]);
    }

    private static async Task<int> StatusAsync(MillpondHost host, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/v2/hub/library/app/manifests/1"));
        request.Headers.TryAddWithoutValidation("Authorization", "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("AWS:" + token)));
        using var response = await host.Client.SendAsync(request);
        return (int)response.StatusCode;
    }

    private static async Task<string> RunAsync(MillpondHost host, Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(RequireClient.OrSkip("aws"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("AWS_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["AWS_ENDPOINT_URL"] = host.Address.GetLeftPart(UriPartial.Authority);
        start.Environment["AWS_DEFAULT_REGION"] = "eu-west-1";
        // The old CLI would fetch what looks like a URL, and send what is there.
        var settings = Path.GetFullPath(Path.Join(host.DataFolder, "aws-config"));
        await File.WriteAllTextAsync(settings, "[default]\ncli_follow_urlparam = false\n");
        start.Environment["AWS_CONFIG_FILE"] = settings;
        start.Environment["AWS_PAGER"] = "";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.True(process.ExitCode == 0, $"aws {string.Join(' ', arguments)}: {await error}");
        return await output;
    }
}
