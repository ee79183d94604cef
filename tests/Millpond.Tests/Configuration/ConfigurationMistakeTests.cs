namespace Millpond.Tests.Configuration;

public sealed class ConfigurationMistakeTests
{
    /// <summary>Line, key, a part of what is wrong, and a part of the remedy.</summary>
    public static TheoryData<string, int, string, string, string> InTheFile { get; } = new()
    {
        // Keys.
        { "lisen: http://127.0.0.1:1", 1, "lisen", "no such key", "'listen'" },
        { "storage:\n  limits: 80%", 2, "storage.limits", "no such key", "'limit'" },
        { "limit: 80%", 1, "limit", "no such key", "'storage.limit'" },
        { "rule: []", 1, "rule", "no such key", "'rules'" },
        { "rules:\n- prefix: quay\n  revalidate_after: 6h", 3, "rules[0].revalidate_after", "no such key", "'revalidateAfter'" },
        { "rules:\n- prefix: quay\n  zzz: 1", 3, "rules[0].zzz", "no such key", "docs/configuration.md" },
        { "cluster: {}", 1, "cluster", "reserved for later", "Leave it out" },
        { "defaults:\n  allow: ['a/**']", 2, "defaults.allow", "each rule's own", "in the rules" },
        { "defaults: {credential: {file: x}}", 1, "defaults.credential", "each rule's own", "in the rules" },
        { "rules: [{prefix: gcr, upstream: gcr.io, allow: a, credential: {secretArn: 'arn:aws'}}]", 1, "rules[0].credential.secretArn", "no secret's ARN", "as it was told" },
        { "rules: [{prefix: gcr, upstream: gcr.io, allow: a, credential: {secretArn: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:a'}}]", 1, "rules[0].credential.secretArn", "of the account 111111111111 in eu-west-1", "awsSecretArn" },
        { "rules: [{prefix: gcr, upstream: gcr.io, credential: {awsSecretArn: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:a'}}]", 1, "rules[0].allow", "must say which repositories", "[\"**\"]" },
        { "rules: [{prefix: gcr, upstream: gcr.io, allow: a, credential: {file: /dev/null, awsSecretArn: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:a'}}]", 1, "rules[0].credential.file", "more than one place", "Keep either" },
        { "secrets: {awsEndpoint: 'http://aws.example'}", 1, "secrets.awsEndpoint", "anybody on the way", "by https" },
        { "secrets: {awsCredentials: /nowhere}", 1, "secrets.awsCredentials", "does not exist", "readable" },
        { "admission: {clientCa: /nowhere}", 1, "admission.clientCa", "does not exist", "readable" },
        { "rules: [{prefix: quay, credential: {accessToken: hunter2}}]", 1, "rules[0].credential.accessToken", "Secrets do not stand", "'tokenEnv'" },
        { "rules:\n- prefix: quay\n- <<: {prefix: k8s}\n  prefix: k8s", 3, "rules[1].<<", "Merge keys", "'defaults'" },
        { "data: a\ndata: b", 2, "data", "twice (first on line 1)", "one of them" },
        { "[a, b]: c", 1, "", "a list stands where a key", "a word and a colon" },

        // YAML.
        { "listen: [", 1, "", "not YAML", "Mend" },
        { "data: a\n  b: c", 2, "", "not YAML", "Mend" },
        { "data: *nowhere", 1, "", "not YAML", "Mend" },
        { "data: a\n---\ndata: b", 2, "", "second YAML document", "one document" },
        { "- data", 1, "", "The file holds a list", "Write lines such as" },

        // Shapes and types.
        { "storage: 80%", 1, "storage", "a single value stands where a mapping", "limit, headroom" },
        { "tls: [a, b]", 1, "tls", "a list stands where a mapping", "certificate, key" },
        { "rules: {quay: {}}", 1, "rules", "a mapping stands where a list", "dash" },
        { "rules: [quay]", 1, "rules[0]", "a single value stands where a mapping", "prefix" },
        { "listeners: [~]", 1, "listeners[0]", "empty", "dash" },
        { "data: [a]", 1, "data", "a list stands where one path", "a folder" },
        { "shutdown: {grace: 30}", 1, "shutdown.grace", "'30' is not a duration", "30m" },
        { "shutdown: {grace: 1h30m}", 1, "shutdown.grace", "is not a duration", "30m" },
        { "shutdown: {grace: 9999999d}", 1, "shutdown.grace", "is not a duration", "10 years" },
        { "shutdown: {grace: 25h}", 1, "shutdown.grace", "'25h' is too long", "24h at most" },
        { "defaults: {timeouts: {firstByte: 60d}}", 1, "defaults.timeouts.firstByte", "'60d' is too long", "24h at most" },
        { "defaults: {timeouts: {idle: 0s}}", 1, "defaults.timeouts.idle", "longer than 0s", "whole number" },
        { "storage: {nearlyDone: 64}", 1, "storage.nearlyDone", "'64' is not a size", "64MiB" },
        { "storage: {nearlyDone: 10%}", 1, "storage.nearlyDone", "'10%' is not a size", "64MiB" },
        { "storage: {limit: 101%}", 1, "storage.limit", "neither a size nor a percentage", "80%" },
        { "storage: {orphanFills: -1}", 1, "storage.orphanFills", "'-1' is no such number", "from 0" },
        { "defaults: {limits: {fills: 0}}", 1, "defaults.limits.fills", "'0' is no such number", "from 1" },
        { "log: {access: sometimes}", 1, "log.access", "none of the choices", "`true` or `false`" },
        { "log: {level: loud}", 1, "log.level", "none of the choices", "`info`" },
        { "ecr: {account: 12}", 1, "ecr.account", "'12' is no account", "twelve digits" },
        { "ecr: {region: 'EU West'}", 1, "ecr.region", "'EU West' is no region", "eu-west-1" },
        { "access: {robots: /none/robots}", 1, "access.robots", "does not exist", "readable" },
        { "secrets: {keyEnv: MILLPOND_NO_SUCH_KEY}", 1, "secrets.keyEnv", "MILLPOND_NO_SUCH_KEY is not set", "Set it" },
        { "rules: [{prefix: quay, access: all}]", 1, "rules[0].access", "none of the choices", "`token`" },
        { "access: {mode: everyone}", 1, "access.mode", "none of the choices", "anonymous" },
        { "presets: [quay, dockerhub]", 1, "presets", "no preset 'dockerhub'", "docker-hub" },
        { "presets: [zzzzz]", 1, "presets", "no preset", "[] for none" },
        { "defaults: {completeIndexes: linux}", 1, "defaults.completeIndexes", "'linux' is no platform", "linux/amd64" },
        { "defaults: {completeIndexes: {all: true}}", 1, "defaults.completeIndexes", "a mapping stands", "linux/amd64" },
        { "trustedProxies: [10.0.0.1/33]", 1, "trustedProxies", "no network", "10.0.0.0/8" },
        { "trustedProxies:\n- 10.0.0.0/8\n- me", 3, "trustedProxies", "no network", "10.0.0.0/8" },

        // Listeners.
        { "listen: 127.0.0.1:5000", 1, "listen", "no http or https URL", "http://127.0.0.1:5000" },
        { "listen: http://cache.corp.example:5000", 1, "listen", "names a host", "http://0.0.0.0:5000" },
        { "listen: http://127.0.0.1:5000/v2", 1, "listen", "more than an address", "http://127.0.0.1:5000" },
        { "listen: []", 1, "listen", "empty", "http://127.0.0.1:5000" },
        { "listen: http://0.0.0.0:5000", 1, "access.mode", "nothing says who may pull", "mode: anonymous" },
        { "listeners: [{url: 'http://[::]:5001', rule: quay}]", 1, "access.mode", "nothing says who may pull", "mode: anonymous" },
        { "listen: https://127.0.0.1:5000", 1, "listen", "no certificate", "tls:" },
        { "operations: {listen: 'https://127.0.0.1:9090'}", 1, "operations.listen", "no certificate", "tls:" },
        { "operations: {listen: 'http://127.0.0.1:5000'}", 1, "operations.listen", "is taken by", "a port of its own" },
        { "access: {mode: anonymous}\nlisten: ['http://127.0.0.1:5000', 'http://0.0.0.0:5000']", 2, "listen", "is taken by", "a port of its own" },
        { "listeners:\n- url: http://127.0.0.1:5001", 2, "listeners[0].rule", "needs the rule's prefix", "docker-hub" },
        { "listeners:\n- rule: quay", 2, "listeners[0].url", "needs a URL", "http://127.0.0.1:5001" },
        { "listeners: [{url: 'http://127.0.0.1:5001', rule: qay}]", 1, "listeners[0].rule", "no rule 'qay'", "'quay'" },
        { "listeners: [{url: 'http://127.0.0.1:5001', rule: ghcr}]", 1, "listeners[0].rule", "no rule 'ghcr'", "read:packages" },
        { "presets: [quay]\nlisteners: [{url: 'http://127.0.0.1:5001', rule: k8s}]", 2, "listeners[0].rule", "no rule 'k8s'", "'presets'" },
        { "publicUrl: cache.corp.example", 1, "publicUrl", "no http or https URL", "https://" },
        { "publicUrl: https://corp.example/cache", 1, "publicUrl", "has a path", "https://" },
        { "tls: {certificate: /dev/null}", 1, "tls.key", "missing beside 'tls.certificate'", "together" },
        { "tls: {certificate: /nowhere, key: /dev/null}", 1, "tls.certificate", "'/nowhere' does not exist", "readable" },
        { "tls: {certificate: /tmp, key: /dev/null}", 1, "tls.certificate", "'/tmp' cannot be read", "readable" },

        // Rules.
        { "rules:\n- upstream: gcr.io", 2, "rules[0].prefix", "needs a prefix", "prefix:" },
        { "rules: [{prefix: quay/}]", 1, "rules[0].prefix", "no prefix", "Write quay" },
        { "rules: [{prefix: Root, upstream: gcr.io}]", 1, "rules[0].prefix", "no prefix", "Write ROOT" },
        { "rules: [{prefix: a//b, upstream: gcr.io}]", 1, "rules[0].prefix", "no prefix", "whole path segments" },
        { "rules:\n- prefix: other", 2, "rules[0].upstream", "needs an upstream", "gcr.io" },
        { "rules: [{prefix: dockerhub}]", 1, "rules[0].upstream", "needs an upstream", "docker-hub" },
        { "rules: [{prefix: gcr, upstream: gcr.io/library}]", 1, "rules[0].upstream", "more than a host", "'upstreamRepositoryPrefix'" },
        { "rules: [{prefix: gcr, upstream: 'ftp://gcr.io'}]", 1, "rules[0].upstream", "no registry's host", "gcr.io" },
        { "rules: [{prefix: gcr, upstream: 'https://me:hunter2@gcr.io'}]", 1, "rules[0].upstream", "user name or password", "'credential'" },
        { "rules: [{prefix: gcr, upstream: gcr.io, upstreamRepositoryPrefix: A/}]", 1, "rules[0].upstreamRepositoryPrefix", "no path of repositories", "team-a" },
        { "rules: [{prefix: ROOT, upstream: gcr.io, upstreamRepositoryPrefix: a}]", 1, "rules[0].upstreamRepositoryPrefix", "ROOT rule takes no repository prefix", "Leave it out" },
        { "rules:\n- prefix: quay\n- prefix: quay", 3, "rules[1].prefix", "Two rules have the prefix 'quay' (the first on line 2)", "one rule" },
        { "rules:\n- prefix: docker-hub", 2, "rules[0]", "wants a Docker Hub account", "anonymous: true" },
        { "rules:\n- prefix: ghcr\n  anonymous: false", 3, "rules[0].anonymous", "neither a credential nor", "anonymous: true" },
        { "presets: [gitlab]", 1, "presets", "wants a GitLab user", "anonymous: true" },
        { "rules:\n- prefix: docker-hub\n  upstream: http://127.0.0.1:1", 2, "rules[0]", "wants a Docker Hub account", "anonymous: true" },
        { "rules:\n- prefix: quay\n  credential: {file: /dev/null}", 2, "rules[0].allow", "must say which repositories", "[\"**\"]" },
        { "rules:\n- prefix: quay\n  headers: {X-Api-Key: hunter2}", 2, "rules[0].allow", "header X-Api-Key, which may authenticate", "[\"**\"]" },
        { "rules:\n- prefix: quay\n  headers: {Via: a, cookie: hunter2}", 2, "rules[0].allow", "header cookie", "[\"**\"]" },
        { "presets: [k8s]\ndefaults: {headers: {X-Team: a}}", 1, "presets.allow", "header X-Team", "[\"**\"]" },
        { "rules:\n- prefix: quay\n  tls: {certificate: /dev/null, key: /dev/null}", 2, "rules[0].allow", "has a client certificate", "[\"**\"]" },
        { "rules: [{prefix: quay, tls: {ca: /dev/null, insecure: true}}]", 1, "rules[0].tls.insecure", "means nothing", "Keep 'ca'" },
        { "defaults: {tls: {insecure: true}}\nrules:\n- prefix: quay\n  tls: {ca: /dev/null}", 4, "rules[0].tls.ca", "means nothing", "Keep 'ca'" },
        { "defaults: {tls: {ca: /dev/null, insecure: true}}", 1, "defaults.tls.insecure", "means nothing", "Keep 'ca'" },
        { "rules: [{prefix: quay, allow: []}]", 1, "rules[0].allow", "empty", "[\"**\"]" },
        { "rules: [{prefix: quay, allow: ['**'], credential: {file: /nowhere}}]", 1, "rules[0].credential.file", "does not exist", "readable" },
        { "rules: [{prefix: quay, allow: ['**'], credential: {usernameEnv: HOME_OF, tokenEnv: A}}]", 1, "rules[0].credential.usernameEnv", "HOME_OF is not set", "Set it" },
        { "rules: [{prefix: quay, allow: ['**'], credential: {file: /dev/null, usernameEnv: A, tokenEnv: A}}]", 1, "rules[0].credential.file", "from a file and from variables", "Keep either" },
        { "rules: [{prefix: quay, allow: ['**'], credential: {usernameEnv: A}}]", 1, "rules[0].credential.tokenEnv", "Half of the credential", "'tokenEnv'" },
        { "rules: [{prefix: quay, allow: ['**'], credential: {usernameEnv: A, tokenEnv: ghp_/secret}}]", 1, "rules[0].credential.tokenEnv", "not shown", "HARBOR_TOKEN" },
        { "rules: [{prefix: quay, allow: ['**'], anonymous: true, credential: {file: /dev/null}}]", 1, "rules[0].anonymous", "says that it needs none", "Keep either" },
        { "rules: [{prefix: quay, allow: ['Library/**']}]", 1, "rules[0].allow", "matches no repository", "library/**" },
        { "rules: [{prefix: quay, hosts: ['https://quay.example']}]", 1, "rules[0].hosts", "no host name", "quay.cache.corp.example" },
        { "rules:\n- {prefix: quay, hosts: a.example}\n- {prefix: k8s, hosts: A.example}", 3, "rules[1].hosts", "already that of the rule 'quay'", "of its own" },
        { "publicUrl: https://a.example\nrules: [{prefix: quay, hosts: a.example}]", 2, "rules[0].hosts", "already that of publicUrl", "of its own" },
        { "rules: [{prefix: corp, upstream: mirror.example, standsFor: [quay]}]", 1, "rules[0].standsFor", "no registry that a reference could name", "quay.io" },
        { "rules: [{prefix: corp, upstream: mirror.example, standsFor: ['https://quay.io']}]", 1, "rules[0].standsFor", "no registry that a reference could name", "quay.io" },
        { "rules:\n- prefix: corp\n  upstream: mirror.example\n  standsFor: [quay.io]", 4, "rules[0].standsFor", "already pulled by the rule 'quay'", "leave quay out of 'presets'" },
        { "presets: []\nrules:\n- {prefix: a, upstream: a.example, standsFor: [x.example]}\n- {prefix: b, upstream: b.example, standsFor: [X.example]}", 4, "rules[1].standsFor", "already pulled by the rule 'a'", "once" },
        { "rules: [{prefix: corp, upstream: mirror.example, standsFor: [mirror.example]}]", 1, "rules[0].standsFor", "names mirror.example twice", "once" },
        { "rules: [{prefix: corp, upstream: mirror.example, standsFor: [x.example, x.example]}]", 1, "rules[0].standsFor", "names x.example twice", "once" },
        { "rules: [{prefix: quay, proxy: proxy}]", 1, "rules[0].proxy", "no proxy's URL", "none for a direct" },
        { "rules: [{prefix: quay, headers: [a]}]", 1, "rules[0].headers", "a list stands", "X-Cache-Chain" },
        { "rules:\n- prefix: quay\n  headers:\n    Authorization: Basic x", 4, "rules[0].headers", "Authorization is set by every pull", "'credential'" },
        { "rules: [{prefix: quay, headers: {'a b': c}}]", 1, "rules[0].headers", "no header's name", "X-Cache-Chain" },
        // What may be a secret, however it came to its place.
        { "rules: [{prefix: quay, headers: {X-Key hunter2}}]", 1, "rules[0].headers", "not shown", "X-Cache-Chain" },
        { "rules: [{prefix: quay, headers: {'X-Key:hunter2': a}}]", 1, "rules[0].headers", "not shown", "X-Cache-Chain" },
        { "rules:\n- prefix: quay\n  X-Key=hunter2: a", 3, "rules[0].…", "no such key", "docs/configuration.md" },
        { "rules: [{prefix: quay, headers: {X-Key: *hunter2}}]", 1, "", "begins with *", "Mend" },
        { "rules: [{prefix: quay, proxy: 'http//me:hunter2@proxy'}]", 1, "rules[0].proxy", "not shown", "none for a direct" },
        { "rules: [{prefix: quay, proxy: 'http://me:hunter2'}]", 1, "rules[0].proxy", "not shown", "none for a direct" },
        { "rules: [{prefix: quay, upstream: 'https://me:hunter2.gcr.io'}]", 1, "rules[0].upstream", "the value is no registry's host", "gcr.io" },
        { "rules: [{prefix: quay, headers: {X-A: \"b\\nc\"}}]", 1, "rules[0].headers", "no line of ASCII", "one line" },
        { "rules: [{prefix: quay, tokenRealms: [sso]}]", 1, "rules[0].tokenRealms", "no http or https URL", "https://sso" },
        { "defaults: {tls: {key: /dev/null}}", 1, "defaults.tls.certificate", "missing beside 'tls.key'", "together" },
        { "defaults: {tls: {ca: /nowhere}}", 1, "defaults.tls.ca", "does not exist", "readable" },

        // Storage.
        { "storage: {limit: 0B}", 1, "storage.limit", "no room", "90%" },
        { "storage:\n  limit: 98%", 2, "storage.limit", "more than the disk", "at most 95%" },
        { "storage: {headroom: 20%}", 1, "storage.headroom", "more than the disk", "at most 80%" },
    };

    [Theory]
    [MemberData(nameof(InTheFile))]
    public void A_mistake_is_told_with_its_line_its_key_what_is_wrong_and_what_to_write(string yaml, int line, string key, string what, string remedy)
    {
        var mistake = ConfigurationFile.Wrong(yaml, ("A", "set"));

        Assert.EndsWith("millpond.yaml", mistake.File, StringComparison.Ordinal);
        Assert.Equal((line, key), (mistake.Line, mistake.Key));
        Assert.Contains(what, mistake.What, StringComparison.Ordinal);
        Assert.Contains(remedy, mistake.Remedy, StringComparison.Ordinal);
        Assert.Contains($"millpond.yaml:{line}: ", mistake.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", mistake.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("ghp_", mistake.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void All_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines()
    {
        var result = ConfigurationFile.Read(
            """
            listen: [http://0.0.0.0:5000, 127.0.0.1]
            publicUrl: cache
            storge: {limit: 80%}
            shutdown: {grace: soon}
            cluster: {}
            rules:
              - prefix: quay/
              - prefix: docker-hub
              - prefix: gcr
                revalidateAfter: 6
              - prefix: k8s
                credential: {file: /nowhere}
            listeners:
              - {url: "http://127.0.0.1:5001", rule: gitlab}
            """,
            ("MILLPOND__LOG__LEVEL", "loud"));

        Assert.Null(result.Configuration);
        Assert.Equal(
            [
                (1, "listen"), (1, "access.mode"), (2, "publicUrl"), (3, "storge"), (4, "shutdown.grace"), (5, "cluster"), (7, "rules[0].prefix"), (8, "rules[1]"),
                (9, "rules[2].upstream"), (10, "rules[2].revalidateAfter"), (11, "rules[3].allow"), (12, "rules[3].credential.file"), (14, "listeners[0].rule"),
                (null, "MILLPOND__LOG__LEVEL"),
            ],
            result.Mistakes.Select(m => (m.Line, m.Key)));
        Assert.Equal(result.Mistakes.Length, result.Describe().Split('\n').Length);
    }

    [Theory]
    [InlineData("/nowhere/millpond.yaml")]
    [InlineData("/proc")]
    [InlineData("")]
    public void A_file_that_cannot_be_read_is_a_mistake(string path)
    {
        var mistake = Assert.Single(Millpond.Server.Configuration.ConfigurationReader.Read(path, new Dictionary<string, string>(), []).Mistakes);
        Assert.Equal((path, (int?)null), (mistake.File, mistake.Line));
        Assert.Contains("cannot be read", mistake.What, StringComparison.Ordinal);
        Assert.Contains("--config", mistake.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_kind_is_not_read_whole() =>
        Assert.Contains("longer than 1 MiB", ConfigurationFile.Wrong(new string('#', 1024 * 1024 + 1)).What, StringComparison.Ordinal);

    [Fact]
    public void A_hostile_depth_ends_in_a_mistake() =>
        Assert.Contains("nested too deeply", ConfigurationFile.Wrong("rules: " + new string('[', 100_000)).What, StringComparison.Ordinal);
}
