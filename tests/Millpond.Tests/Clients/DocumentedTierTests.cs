using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>
/// The three opt-in tiers set up from nothing by the lines of the README, as they are written there, with the real AWS CLI; registries that demand
/// the credentials stand behind a proxy under their real names.
/// </summary>
[Trait("Category", "Clients")]
public sealed class DocumentedTierTests
{
    private static readonly (string Prefix, string Words, string Host, string Realm, string Repository)[] Tiers =
    [
        ("docker-hub", "DOCKER", "registry-1.docker.io", "auth.docker.io", "library/app"),
        ("ghcr", "GITHUB", "ghcr.io", "ghcr.io", "org/app"),
        ("gitlab", "GITLAB", "registry.gitlab.com", "gitlab.com", "group/app"),
    ];

    [Fact]
    public async Task The_lines_of_the_README_set_up_the_tiers_and_what_is_private_there_is_pulled()
    {
        using var authority = new TestCertificates();
        using var folder = new TemporaryFolder();
        var routes = new Dictionary<string, Uri>(StringComparer.Ordinal);
        var upstreams = new List<FakeUpstream>();
        try
        {
            foreach (var tier in Tiers)
            {
                upstreams.Add(await StartAsync(tier, authority));
                (routes[tier.Host], routes[tier.Realm]) = (upstreams[^1].Address, upstreams[^1].Address);
            }

            await using var proxy = new ConnectProxy(routes);
            var reach = new ServerConfiguration().RuleDefaults with { Proxy = $"{proxy.Address}", Tls = new UpstreamTls(Ca: folder.Write("ca.pem", authority.AuthorityPem)) };
            await using var host = await MillpondHost.StartAsync([], new()
            {
                Configure = configuration => configuration with { Access = AccessMode.Token, RuleDefaults = reach, DormantPresets = [.. Preset.All.Where(preset => preset.Tier == Tier.OptIn)] },
            });
            using var shell = new ClientProgram("bash") { Limit = TimeSpan.FromMinutes(5) };
            Prepare(shell);

            var run = (await shell.RunAsync("-euo", "pipefail", "-c", Script(host))).ShouldSucceed();

            Assert.Equal(3, run.Output.Split("\"isValid\": true").Length - 1);
            Assert.Contains("aws_secret_access_key", run.Output, StringComparison.Ordinal);
            using var skopeo = new ClientProgram("skopeo");
            foreach (var (tier, number) in Tiers.Select((tier, number) => (tier, number)))
            {
                // Docker Hub's own images are called by one word, as everywhere.
                var name = $"docker://{host.Address.Authority}/{tier.Prefix}/{tier.Repository.Replace("library/", "", StringComparison.Ordinal)}:1";
                var pulled = (await skopeo.RunAsync("inspect", "--tls-verify=false", "--authfile", shell.File("auth.json"), name)).ShouldSucceed();
                Assert.Contains(ImageOf(number).Digest.ToString(), pulled.Output, StringComparison.Ordinal);
                Assert.NotEqual(0, (await skopeo.RunAsync("inspect", "--tls-verify=false", "--no-creds", name)).ExitCode);
            }
        }
        finally
        {
            foreach (var upstream in upstreams)
            {
                await upstream.DisposeAsync();
            }
        }
    }

    private static TestImage ImageOf(int number) => TestImages.OnePlatform(number + 1);

    private static async Task<FakeUpstream> StartAsync((string Prefix, string Words, string Host, string Realm, string Repository) tier, TestCertificates authority)
    {
        var upstream = await FakeUpstream.StartAsync(new()
        {
            Authentication = UpstreamAuthentication.Bearer,
            Username = $"{tier.Words}_USER",
            Password = $"{tier.Words}_TOKEN",
            Tls = authority,
            Names = [tier.Host, tier.Realm],
            TokenRealm = new($"https://{tier.Realm}/token"),
        });
        upstream.Add(tier.Repository, ImageOf(Array.IndexOf(Tiers, tier)), "1");
        upstream.MakePrivate(tier.Repository);
        return upstream;
    }

    /// <summary>What the lines name: the AWS CLI, this build of millpond, and for docker, which wants a daemon, what logs in by the same words.</summary>
    private static void Prepare(ClientProgram shell)
    {
        var (aws, skopeo) = (RequireClient.OrSkip("aws"), RequireClient.OrSkip("skopeo"));
        shell.AddMillpond();
        shell.AddScript("bin/aws", $"exec '{aws}' \"$@\"");
        shell.AddScript("bin/docker", $"shift; exec '{skopeo}' login --tls-verify=false --authfile '{shell.File("auth.json")}' \"$@\"");
        shell.Environment["AWS_PAGER"] = "";
        shell.Environment["AWS_CONFIG_FILE"] = shell.File("aws-config");
        shell.Environment["AWS_EC2_METADATA_DISABLED"] = "true";
    }

    /// <summary>As written, for this server.</summary>
    private static string Script(MillpondHost host) => Assert.Single(CommandBlocks.Of("README.md"), block => block.Contains("create-pull-through-cache-rule", StringComparison.Ordinal))
        .Replace("https://cache.corp.example", host.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)
        .Replace("cache.corp.example", host.Address.Authority, StringComparison.Ordinal)
        .Replace("/var/lib/millpond/root-credentials", Path.GetFullPath(Path.Join(host.DataFolder, "root-credentials")), StringComparison.Ordinal);
}
