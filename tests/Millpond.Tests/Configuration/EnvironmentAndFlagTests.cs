using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Configuration;

public sealed class EnvironmentAndFlagTests
{
    [Fact]
    public void A_flag_beats_the_environment_which_beats_the_file()
    {
        using var file = new ConfigurationFile("data: from-file\nlisten: http://127.0.0.1:1\nstorage: {limit: 70%, headroom: 1%}\nlog: {level: debug}");
        file.Environment["MILLPOND__DATA"] = "from-environment";
        file.Environment["MILLPOND__LISTEN"] = "http://127.0.0.1:2,http://[::1]:2";
        file.Environment["MILLPOND__STORAGE__LIMIT"] = "80%";
        file.Flags.Add(new("--config", file.Path));
        file.Flags.Add(new("--data", "from-flag"));

        var read = file.Read().Configuration!;

        Assert.Equal("from-flag", read.Data);
        Assert.Equal(["http://127.0.0.1:2/", "http://[::1]:2/"], read.Listen.Select(l => l.ToString()));
        Assert.Equal((new SizeLimit(null, 80), new SizeLimit(null, 1)), (read.Storage.Limit, read.Storage.Headroom));
        Assert.Equal(Microsoft.Extensions.Logging.LogLevel.Debug, read.Log.Level);

        file.Flags.Add(new("--listen", "http://127.0.0.1:3"));
        file.Flags.Add(new("--listen", "http://127.0.0.1:4"));
        Assert.Equal(["http://127.0.0.1:3/", "http://127.0.0.1:4/"], file.Read().Configuration!.Listen.Select(l => l.ToString()));
    }

    [Fact]
    public void Every_key_can_be_given_in_the_environment_alone()
    {
        using var file = new ConfigurationFile();
        var path = file.Make("any");
        var values = new Dictionary<string, string>
        {
            ["URL"] = "https://127.0.0.1:1",
            ["list of URLs"] = "https://127.0.0.2:2",
            ["path"] = path,
            ["list of networks"] = "10.0.0.0/8",
            ["`anonymous` or `token`"] = "anonymous",
            ["account"] = "111111111111",
            ["region"] = "eu-west-1",
            ["list of presets"] = "k8s",
            ["size or percentage"] = "3%",
            ["duration"] = "7s",
            ["duration up to 24h"] = "7s",
            ["duration over 0s, up to 24h"] = "7s",
            ["number"] = "7",
            ["number over 0"] = "7",
            ["size"] = "7MiB",
            ["`true` or `false`"] = "true",
            ["`json` or `text`"] = "text",
            ["`keep` or `follow`"] = "follow",
            ["`layers` or `always` or `never`"] = "always",
            ["prefix"] = "my-reg",
            ["host or URL"] = "reg.example",
            ["repository path"] = "team",
            ["list of host names"] = "a.example,b.example",
            ["variable's name"] = "HOME",
            ["list of globs"] = "a/**,b/*",
            ["registry"] = "cache.example",
            ["list of registries"] = "old.example,older.example",
            ["list of tiers"] = "default,my-reg",
            ["price"] = "7.5",
            ["currency"] = "EUR",
            ["`same-region` or `other-region` or `internet`"] = "internet",
            ["list of namespaces"] = "kube-system,cache",
            ["list of images"] = "reg.example/millpond",
            ["`none`, `all` or list of platforms"] = "linux/amd64,linux/arm64",
            ["URL or `none`"] = "none",
            ["mapping of headers"] = "X-A=1,X-B=2",
            ["`trace` or `debug` or `info` or `warning` or `error`"] = "error",
        };
        foreach (var key in ConfigurationKeys.All.Where(k => k.Scope != KeyScope.Listener && k.Path is not ("anonymous" or "credential.usernameEnv" or "credential.tokenEnv" or "credential.secretArn" or "credential.awsSecretArn" or "admission.selfSigned" or "tls.insecure" or "secrets.keyEnv")))
        {
            var section = key.Scope == KeyScope.TopLevel ? "" : "RULES__MY_REG__";
            file.Environment[$"MILLPOND__{section}{key.Path.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant()}"] = values[key.TypeName];
        }

        file.Environment["MILLPOND__OPERATIONS__LISTEN"] = "http://127.0.0.1:9090";
        file.Environment["MILLPOND__ADMISSION__LISTEN"] = "https://127.0.0.1:9091";
        file.Environment["MILLPOND__PUBLICURL"] = "https://cache.example";
        file.Environment["MILLPOND__LISTENERS"] = "my-reg=http://127.0.0.1:5001, k8s=http://127.0.0.1:5002";
        file.Environment["MILLPOND__DEFAULTS__REVALIDATEAFTER"] = "1h";

        var result = file.Read();

        Assert.True(result.Configuration is not null, result.Describe());
        var read = result.Configuration;
        Assert.Equal(["my-reg", "k8s"], read.Rules.Select(r => r.Prefix));
        var rule = read.Rules[0];
        Assert.Equal(("reg.example", "team", path), (rule.UpstreamName, rule.UpstreamRepositoryPrefix, rule.Credential!.File));
        Assert.Equal(["a/**", "b/*"], rule.Allow);
        Assert.Equal(["linux/amd64", "linux/arm64"], rule.CompleteIndexes.Platforms);
        Assert.Equal([KeyValuePair.Create("X-A", "1"), KeyValuePair.Create("X-B", "2")], rule.Headers);
        Assert.Equal(["kube-system", "cache"], read.Admission.ExcludedNamespaces);
        Assert.Equal((TimeSpan.FromSeconds(7), TimeSpan.FromHours(1)), (rule.RevalidateAfter, read.Rules[1].RevalidateAfter));
        Assert.Equal([new RuleListener(new("http://127.0.0.1:5001"), "my-reg"), new RuleListener(new("http://127.0.0.1:5002"), "k8s")], read.Listeners);
    }

    [Fact]
    public void A_variable_makes_the_rule_of_a_preset()
    {
        using var file = new ConfigurationFile();
        file.Environment["MILLPOND__RULES__DOCKER_HUB__CREDENTIAL__FILE"] = file.Make("hub.json");
        file.Environment["MILLPOND__RULES__DOCKER_HUB__ALLOW"] = "library/**, grafana/*";

        var rule = file.Read().Configuration!.Rules.First(r => r.Prefix == "docker-hub");

        Assert.Equal(("docker.io", Tier.OptIn), (rule.UpstreamName, rule.Tier));
        Assert.Equal(["library/**", "grafana/*"], rule.Allow);
    }

    [Fact]
    public void A_variable_changes_the_rule_that_is_in_the_file_whatever_its_separators()
    {
        var read = ConfigurationFile.Right(
            "presets: []\nrules: [{prefix: team-a/har.bor, upstream: harbor.example, revalidateAfter: 1h}]",
            ("MILLPOND__RULES__TEAM_A_HAR_BOR__REVALIDATEAFTER", "2h"), ("millpond__rules__team_a_har_bor__limits__fills", "3"));
        Assert.Equal((TimeSpan.FromHours(2), 3), (read.Rules.Single().RevalidateAfter, read.Rules.Single().Limits.Fills));
    }

    [Fact]
    public void A_rule_can_be_spelled_out_and_ROOT_is_one()
    {
        var read = ConfigurationFile.Right(
            "presets: []", ("MILLPOND__RULES__MY_REG__PREFIX", "my/reg"), ("MILLPOND__RULES__MY_REG__UPSTREAM", "reg.example"), ("MILLPOND__RULES__ROOT__UPSTREAM", "gcr.io"));
        Assert.Equal(["my/reg", "ROOT"], read.Rules.Select(r => r.Prefix));
    }

    [Fact]
    public void A_credential_in_the_environment_replaces_the_whole_one_of_the_file()
    {
        var read = ConfigurationFile.Right(
            "rules: [{prefix: ghcr, allow: ['**'], credential: {file: /nowhere}}]",
            ("MILLPOND__RULES__GHCR__CREDENTIAL__USERNAMEENV", "WHO"), ("MILLPOND__RULES__GHCR__CREDENTIAL__TOKENENV", "WHAT"), ("WHO", "me"), ("WHAT", "x"));
        Assert.Equal(new CredentialSource(null, "WHO", "WHAT"), read.Rules[0].Credential);
    }

    [Fact]
    public void Empty_variables_are_as_unset_but_for_lists()
    {
        var read = ConfigurationFile.Right("data: here", ("MILLPOND__DATA", ""), ("MILLPOND__PUBLICURL", " "), ("MILLPOND__PRESETS", ""));
        Assert.Equal("here", read.Data);
        Assert.Null(read.PublicUrl);
        Assert.Empty(read.Rules);
    }

    /// <summary>As in a chart whose value was left empty: neither a rule comes of it, nor is a part of one replaced.</summary>
    [Theory]
    [InlineData("MILLPOND__RULES__GHCR__CREDENTIAL__FILE")]
    [InlineData("MILLPOND__RULES__DOCKER_HUB__UPSTREAM")]
    [InlineData("MILLPOND__RULES__GITLAB__REVALIDATEAFTER")]
    [InlineData("MILLPOND__RULES__OTHER__PREFIX")]
    [InlineData("MILLPOND__RULES__QUAY__HEADERS")]
    [InlineData("MILLPOND__RULES__QUAY__UPSTREAM")]
    [InlineData("MILLPOND__RULES__QUAY__CREDENTIAL__FILE")]
    [InlineData("MILLPOND__RULES__QUAY__TLS__INSECURE")]
    [InlineData("MILLPOND__DEFAULTS__HEADERS")]
    [InlineData("MILLPOND__DEFAULTS__PROXY")]
    [InlineData("MILLPOND__STORAGE__LIMIT")]
    [InlineData("MILLPOND__LOG__FORMAT")]
    [InlineData("MILLPOND__NO__SUCH__KEY")]
    public void An_empty_variable_is_as_not_written(string name)
    {
        const string Yaml = """
            storage: {limit: 70%}
            log: {format: text}
            defaults: {headers: {Via: a}, proxy: none}
            rules: [{prefix: quay, upstream: q.example, allow: ['**'], headers: {X-Key: k}, credential: {usernameEnv: U, tokenEnv: U}, tls: {insecure: true}}]
            """;
        using var file = new ConfigurationFile(Yaml);
        file.Environment["U"] = "u";
        var without = file.Read().Configuration!;
        foreach (var value in new[] { "", "  " })
        {
            file.Environment[name] = value;
            var result = file.Read();
            Assert.True(result.Configuration is not null, result.Describe());
            Assert.Equal(Describe(without), Describe(result.Configuration));
        }
    }

    [Theory]
    [InlineData("MILLPOND__RULES__QUAY__HOSTS")]
    [InlineData("MILLPOND__RULES__QUAY__DENY")]
    public void Of_a_list_an_empty_variable_is_the_empty_list(string name)
    {
        var rule = ConfigurationFile.Right("rules: [{prefix: quay, hosts: [a.example], deny: ['x/**']}]", (name, "")).Rules[0];
        Assert.Equal(1, rule.Hosts.Length + rule.Deny.Length);
    }

    private static string Describe(ServerConfiguration configuration) => System.Text.Json.JsonSerializer.Serialize(configuration with { TrustedProxies = [] });

    [Fact]
    public void Variables_of_others_are_left_alone() =>
        ConfigurationFile.Right("", ("MILLPOND_SERVICE_HOST", "10.0.0.1"), ("MILLPOND_PORT", "tcp://10.0.0.1:80"), ("MILLPONDS__X", "y"), ("PATH", "/bin"));

    [Theory]
    [InlineData("MILLPOND__STORAGE__LIMITS", "80%", "no such variable", "MILLPOND__STORAGE__LIMIT?")]
    [InlineData("MILLPOND__RULES__QUAY__REVALIDATE_AFTER", "1h", "no such variable", "MILLPOND__RULES__QUAY__REVALIDATEAFTER?")]
    [InlineData("MILLPOND__RULES__QUAY", "x", "no such variable", "")]
    [InlineData("MILLPOND__RULES__0__UPSTREAMS", "x", "no such variable", "MILLPOND__RULES__0__UPSTREAM?")]
    [InlineData("MILLPOND__XYZ", "1", "no such variable", "docs/configuration.md")]
    [InlineData("MILLPOND__", "1", "no such variable", "docs/configuration.md")]
    [InlineData("MILLPOND__CLUSTER__MODE", "1", "reserved for later", "Unset it")]
    [InlineData("MILLPOND__STORAGE__LIMIT", "lots", "'lots' is neither", "80%")]
    [InlineData("MILLPOND__LISTEN", "http://0.0.0.0:80", "nothing says who may pull", "MILLPOND__ACCESS__MODE")]
    [InlineData("MILLPOND__LISTENERS", "http://127.0.0.1:5001", "no listener of a rule", "PREFIX=URL")]
    [InlineData("MILLPOND__RULES__QUAY__HEADERS", "X-A", "a header has no value", "one line")]
    [InlineData("MILLPOND__RULES__GITLAB__REVALIDATEAFTER", "1h", "wants a GitLab user", "anonymous: true")]
    [InlineData("MILLPOND__RULES__GCR__REVALIDATEAFTER", "1h", "needs an upstream", "gcr.io")]
    [InlineData("MILLPOND__RULES___A__UPSTREAM", "gcr.io", "'_A' is no rule's prefix", "DOCKER_HUB")]
    [InlineData("MILLPOND__RULES__A__PREFIX", "b", "'b' does not belong to A", "MILLPOND__RULES__B__PREFIX")]
    [InlineData("MILLPOND__RULES__A__PREFIX", "B/", "no prefix", "Write b")]
    public void A_mistake_in_the_environment_is_told_by_the_variables_name(string name, string value, string what, string remedy)
    {
        var mistake = ConfigurationFile.Wrong("", (name, value));
        Assert.Null(mistake.File);
        Assert.StartsWith(name, mistake.Key, StringComparison.Ordinal);
        Assert.Contains(what, mistake.What, StringComparison.Ordinal);
        Assert.Contains(remedy, mistake.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rules: [{prefix: a-b, upstream: a.example}, {prefix: a/b, upstream: b.example}]", "MILLPOND__RULES__A_B__REVALIDATEAFTER", "'a-b' and 'a/b'")]
    [InlineData("rules: [{prefix: docker/hub, upstream: a.example}]", "MILLPOND__RULES__DOCKER_HUB__REVALIDATEAFTER", "'docker/hub' and 'docker-hub'")]
    public void A_variable_that_could_mean_two_rules_is_a_mistake(string yaml, string name, string which)
    {
        var mistake = ConfigurationFile.Wrong(yaml, (name, "1h"));
        Assert.Equal(name, mistake.Key);
        Assert.Contains(which, mistake.What, StringComparison.Ordinal);
        Assert.NotNull(ConfigurationFile.Right(yaml));
    }

    [Fact]
    public void A_flag_sets_the_upstream_of_a_rule_or_makes_one()
    {
        using var file = new ConfigurationFile("rules: [{prefix: quay, upstream: mirror.example, revalidateAfter: 1h}]");
        file.Flags.AddRange([new("--upstream", "quay=http://127.0.0.1:5001"), new("--upstream", "team/x=http://127.0.0.1:5002")]);
        file.Environment["MILLPOND__RULES__TEAM_X__REVALIDATEAFTER"] = "2h";
        file.Environment["MILLPOND__RULES__QUAY__UPSTREAM"] = "other.example";

        var rules = file.Read().Configuration!.Rules;

        Assert.Equal(
            [
                ("quay", "quay.io", "http://127.0.0.1:5001/", TimeSpan.FromHours(1)), ("team/x", "127.0.0.1:5002", "http://127.0.0.1:5002/", TimeSpan.FromHours(2)),
                ("k8s", "registry.k8s.io", "https://registry.k8s.io/", TimeSpan.FromHours(24)),
            ],
            rules.Select(r => (r.Prefix, r.UpstreamName, r.Upstream.ToString(), r.RevalidateAfter)));
    }

    [Fact]
    public void A_flag_that_moves_an_opt_in_preset_elsewhere_needs_no_account()
    {
        var moved = ConfigurationReader.Read(null, ImmutableDictionary<string, string>.Empty, [new("--upstream", "docker-hub=http://127.0.0.1:5001")]);
        var rule = moved.Configuration!.Rules[0];
        Assert.Equal(("docker.io", true, Tier.OptIn), (rule.UpstreamName, rule.Anonymous, rule.Tier));

        var same = ConfigurationReader.Read(null, ImmutableDictionary<string, string>.Empty, [new("--upstream", "docker-hub=docker.io")]);
        Assert.Contains("wants a Docker Hub account", Assert.Single(same.Mistakes).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--upstream", "quay", "no prefix with an upstream", "PREFIX=URL")]
    [InlineData("--upstream", "=http://127.0.0.1:1", "no prefix with an upstream", "PREFIX=URL")]
    [InlineData("--upstream", "Quay=http://127.0.0.1:1", "no prefix", "Write quay")]
    [InlineData("--upstream", "quay=http://127.0.0.1:1/v2", "more than a host", "127.0.0.1:1")]
    [InlineData("--upstream", "gcr=", "needs an upstream", "gcr.io")]
    [InlineData("--listen", "5000", "no http or https URL", "http://127.0.0.1:5000")]
    [InlineData("--listen", "http://0.0.0.0:5000", "nothing says who may pull", "mode: anonymous")]
    [InlineData("--lisen", "x", "no such flag", "--listen")]
    public void A_mistake_in_a_flag_is_told_by_its_name(string name, string value, string what, string remedy)
    {
        var mistake = Assert.Single(ConfigurationReader.Read(null, ImmutableDictionary<string, string>.Empty, [new(name, value)]).Mistakes);
        Assert.StartsWith(name, mistake.Key, StringComparison.Ordinal);
        Assert.Contains(what, mistake.What, StringComparison.Ordinal);
        Assert.Contains(remedy, mistake.Remedy, StringComparison.Ordinal);
    }
}
