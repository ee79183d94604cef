using Millpond.Cli.Mirrors;
using Millpond.Images;

namespace Millpond.Tests.Cli;

/// <summary>What is written for each runtime, as text. (Real clients read it elsewhere; k3s, RKE2 and kind are known by shape alone.)</summary>
public sealed class MirrorShapeTests
{
    private static readonly MirroredUpstream Quay = Of(new RuleNames("quay", "quay.io"));
    private static readonly MirroredUpstream Hub = Of(new RuleNames("docker-hub", "docker.io"));
    private static readonly MirroredUpstream Harbor = Of(new RuleNames("team-a/harbor", "harbor.corp.example:8443", "team-a"));
    private static readonly MirroredUpstream Root = Of(new RuleNames(RuleNames.Root, "root.example"));

    private static readonly MirrorSettings Settings = new(new Uri("http://cache.corp.example:5000"), [Quay, Hub], FallBack: true, ByPrefix: false, Ca: null, SkipVerify: false);

    [Fact]
    public void Containerd_falls_back_to_the_upstreams_own_address() => Assert.Equal(
        [
            ("quay.io/hosts.toml", """
                server = "https://quay.io"

                [host."http://cache.corp.example:5000"]
                  capabilities = ["pull", "resolve"]

                """),
            ("docker.io/hosts.toml", """
                server = "https://registry-1.docker.io"

                [host."http://cache.corp.example:5000"]
                  capabilities = ["pull", "resolve"]

                """),
        ],
        Hosts(Settings));

    [Fact]
    public void Containerd_names_the_rule_in_the_path_where_that_is_wanted_and_possible()
    {
        var hosts = Hosts(Settings with { ByPrefix = true, Upstreams = [Hub, Harbor, Root], Ca = "/etc/ca.pem", SkipVerify = true });
        Assert.Equal(
            """
            server = "https://registry-1.docker.io"

            [host."http://cache.corp.example:5000/v2/docker-hub"]
              capabilities = ["pull", "resolve"]
              override_path = true
              ca = "/etc/ca.pem"
              skip_verify = true

            """,
            hosts[0].Content);
        // The path cannot say that team-a is the rule's own at the upstream, and ROOT has no prefix.
        Assert.All(hosts[1..], host => Assert.DoesNotContain("override_path", host.Content, StringComparison.Ordinal));
    }

    [Fact]
    public void Containerd_without_fall_back_has_the_cache_as_its_server()
    {
        Assert.Equal("server = \"http://cache.corp.example:5000\"\ncapabilities = [\"pull\", \"resolve\"]\n", Hosts(Settings with { FallBack = false })[0].Content);
        Assert.Equal(
            "server = \"http://cache.corp.example:5000/v2/quay\"\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
            Hosts(Settings with { FallBack = false, ByPrefix = true })[0].Content);
    }

    [Fact]
    public void Two_rules_of_one_registry_share_a_file_and_leave_the_choice_to_the_namespace()
    {
        var hosts = Hosts(Settings with { ByPrefix = true, Upstreams = [Quay, Of(new RuleNames("quay-team", "quay.io", "team"))] });
        Assert.Single(hosts);
        Assert.DoesNotContain("override_path", hosts[0].Content, StringComparison.Ordinal);
    }

    [Fact]
    public void Registries_conf_has_the_cache_as_mirror_or_as_the_location()
    {
        var settings = Settings with { Upstreams = [Quay, Harbor] };
        Assert.Equal(
            """

            [[registry]]
            prefix = "quay.io"
            location = "quay.io"

            [[registry.mirror]]
            location = "cache.corp.example:5000/quay"
            insecure = true

            [[registry]]
            prefix = "harbor.corp.example:8443/team-a"
            location = "harbor.corp.example:8443/team-a"

            [[registry.mirror]]
            location = "cache.corp.example:5000/team-a/harbor"
            insecure = true

            """,
            Body(RegistriesConf.Write(settings)));
        Assert.Equal(
            """

            [[registry]]
            prefix = "root.example"
            location = "cache.corp.example"

            """,
            Body(RegistriesConf.Write(settings with { Server = new Uri("https://cache.corp.example"), FallBack = false, Upstreams = [Root] })));
    }

    [Fact]
    public void Docker_keeps_all_else_and_asks_the_cache_first()
    {
        Assert.True(DockerDaemon.TryAdd("{\"log-opts\": {\"max-size\": \"10m\"}, \"registry-mirrors\": [\"https://other.example\"], \"a\": 1.50}", Settings, out var after));
        Assert.Equal(
            """
            {
              "log-opts": {
                "max-size": "10m"
              },
              "registry-mirrors": [
                "http://cache.corp.example:5000",
                "https://other.example"
              ],
              "a": 1.50
            }

            """,
            after);
        Assert.True(DockerDaemon.TryAdd(after, Settings, out var again));
        Assert.Equal(after, again);
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("{\"registry-mirrors\": \"http://x\"}")]
    [InlineData("{ not json")]
    public void Docker_is_left_alone_where_its_file_is_not_understood(string before) => Assert.False(DockerDaemon.TryAdd(before, Settings, out _));

    [Fact]
    public void K3s_keeps_all_else_and_asks_the_cache_first()
    {
        const string before = """
            mirrors:
              docker.io:
                endpoint:
                  - "https://other.example"
              "*": {rewrite: {a: b}}
            configs:
              other.example:
                auth: {username: u, password: 'p: #1'}
            """;
        Assert.True(RegistriesYaml.TryAdd(before, Settings with { Ca = "/etc/ca.pem" }, out var after));
        Assert.Equal(
            """
            mirrors:
              docker.io:
                endpoint:
                - "http://cache.corp.example:5000"
                - "https://other.example"
              "*": {rewrite: {a: b}}
              quay.io:
                endpoint:
                - "http://cache.corp.example:5000"
            configs:
              other.example:
                auth: {username: u, password: 'p: #1'}
              cache.corp.example:5000:
                tls:
                  ca_file: "/etc/ca.pem"

            """,
            Body(after));
        Assert.True(RegistriesYaml.TryAdd(after, Settings with { Ca = "/etc/ca.pem" }, out var again));
        Assert.Equal(after, again);
    }

    [Theory]
    [InlineData("- a")]
    [InlineData("mirrors: [docker.io]")]
    [InlineData("mirrors: {docker.io: {endpoint: one}}")]
    [InlineData("a: b: c")]
    public void K3s_is_left_alone_where_its_file_is_not_understood(string before) =>
        Assert.False(RegistriesYaml.TryAdd(before, Settings, out _));

    [Fact]
    public void A_kind_cluster_mounts_the_folder_of_containerds_files()
    {
        var cluster = KindCluster.Write("/srv/mill/certs.d");
        var root = (YamlDotNet.RepresentationModel.YamlMappingNode)Load(cluster);
        Assert.Equal("Cluster", (string?)root["kind"]);
        var mount = root["nodes"][0]["extraMounts"][0];
        Assert.Equal(("/srv/mill/certs.d", "/etc/containerd/certs.d"), ((string?)mount["hostPath"], (string?)mount["containerPath"]));
        Assert.Contains("config_path = \"/etc/containerd/certs.d\"", (string?)root["containerdConfigPatches"][0], StringComparison.Ordinal);
    }

    private static YamlDotNet.RepresentationModel.YamlNode Load(string yaml)
    {
        var stream = new YamlDotNet.RepresentationModel.YamlStream();
        stream.Load(new StringReader(yaml));
        return stream.Documents[0].RootNode;
    }

    private static (string Path, string Content)[] Hosts(MirrorSettings settings) =>
        [.. ContainerdHosts.Write(settings).Select(host => (host.Path, Body(host.Content)))];

    private static string Body(string content)
    {
        Assert.StartsWith(MirrorSettings.Header, content, StringComparison.Ordinal);
        return content[MirrorSettings.Header.Length..];
    }

    private static MirroredUpstream Of(RuleNames rule) => MirroredUpstream.Of(rule).First();

    [Fact]
    public void A_registry_that_a_rule_stands_for_is_mirrored_as_its_upstream_is()
    {
        var settings = Settings with { Upstreams = [.. MirroredUpstream.Of(new RuleNames("corp", "mirror.corp.example", "quay") { StandsFor = ["quay.io", "docker.io"] })], ByPrefix = true };

        var hosts = ContainerdHosts.Write(settings).ToDictionary();
        Assert.Equal(["docker.io/hosts.toml", "mirror.corp.example/hosts.toml", "quay.io/hosts.toml"], hosts.Keys.Order(StringComparer.Ordinal));
        Assert.Contains("server = \"https://quay.io\"", hosts["quay.io/hosts.toml"], StringComparison.Ordinal);
        Assert.Contains("/v2/corp\"]", hosts["quay.io/hosts.toml"], StringComparison.Ordinal);
        Assert.Contains("server = \"https://registry-1.docker.io\"", hosts["docker.io/hosts.toml"], StringComparison.Ordinal);
        Assert.DoesNotContain("/v2/corp\"]", hosts["mirror.corp.example/hosts.toml"], StringComparison.Ordinal);

        var conf = RegistriesConf.Write(settings);
        Assert.Contains("prefix = \"quay.io\"\n", conf, StringComparison.Ordinal);
        Assert.Contains("prefix = \"mirror.corp.example/quay\"\n", conf, StringComparison.Ordinal);
    }

    /// <summary>A rewrite is for an endpoint that is there already, and k3s applies it to the cache's too.</summary>
    [Theory]
    [InlineData("mirrors: {quay.io: {endpoint: [https://h.example], rewrite: {'^(.*)$': 'proxy/$1'}}}", "quay.io")]
    [InlineData("mirrors: {quay.io: {rewrite: [what]}}", "quay.io")]
    [InlineData("mirrors: {quay.io: {rewrite: {}}}", null)]
    [InlineData("mirrors: {quay.io: {rewrite: }}", null)]
    [InlineData("mirrors: {other.example: {rewrite: {a: b}}}", null)]
    [InlineData("mirrors: [quay.io]", null)]
    [InlineData("{", null)]
    [InlineData("", null)]
    public void An_entry_with_a_rewrite_is_told(string before, string? expected) => Assert.Equal(expected, RegistriesYaml.FindRewritten(before, Settings with { Upstreams = [Quay] }));
}
