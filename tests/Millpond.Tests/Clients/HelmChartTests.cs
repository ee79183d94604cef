using System.Text.Json.Nodes;
using Millpond.Server.Admission;
using Millpond.Tests.Admission;

namespace Millpond.Tests.Clients;

/// <summary>The chart as the real helm renders it.</summary>
[Trait("Category", "Clients")]
public sealed class HelmChartTests : IDisposable
{
    private const string Image = "image.repository=registry.corp.example/millpond";
    private const string Access = "config.access.mode=anonymous";

    /// <summary>What must be said at least.</summary>
    private static readonly string[] Least = [Image, Access];

    private readonly ClientProgram helm = new("helm");

    public void Dispose() => helm.Dispose();

    [Fact]
    public async Task It_has_no_faults() => (await helm.RunAsync("lint", Chart, "--strict", "--set", Image, "--set", Access)).ShouldSucceed();

    [Fact]
    public async Task An_image_must_be_named_as_there_is_none_to_guess()
    {
        var answer = await helm.RunAsync("template", "millpond", Chart);

        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains("image.repository: name where nodes get Millpond's own image from", answer.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_may_pull_must_be_said_as_it_is_not_for_a_chart_to_choose()
    {
        var answer = await helm.RunAsync("template", "millpond", Chart, "--set", Image);

        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains("config.access.mode: say who may pull", answer.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cache_alone_is_one_server_on_a_disk_without_rights()
    {
        var objects = await RenderAsync();

        Assert.Equal(["ConfigMap millpond", "PodDisruptionBudget millpond", "Service millpond", "Service millpond-operations", "StatefulSet millpond"], Names(objects));
        var pod = Pod(objects, "StatefulSet");
        CheckRights(pod);
        Assert.Equal("false", (string?)One(objects, "StatefulSet")["spec"]!["template"]!["metadata"]!["annotations"]!["millpond.dev/rewrite"]);
        Assert.Equal(["/data", "/etc/millpond", "/tmp"], pod["containers"]![0]!["volumeMounts"]!.AsArray().Select(mount => (string?)mount!["mountPath"]));
        Assert.Equal(
            ["MILLPOND__DATA=/data/millpond", "MILLPOND__LISTEN=http://0.0.0.0:5000", "MILLPOND__OPERATIONS__LISTEN=http://0.0.0.0:9090"], Environment(pod));
        Assert.Equal("access:\n  mode: anonymous\n", (string?)One(objects, "ConfigMap")["data"]!["millpond.yaml"]);
    }

    [Fact]
    public async Task Reviews_are_not_asked_for_before_somebody_has_given_the_authority()
    {
        var objects = await RenderAsync("admission.enabled=true");

        Assert.DoesNotContain(objects, one => (string?)one["kind"] == "MutatingWebhookConfiguration");
        Assert.Contains("MILLPOND__ADMISSION__SELFSIGNED=true", Environment(Pod(objects, "StatefulSet")));
        Assert.Contains("MILLPOND__ADMISSION__HOSTS=millpond-admission.cache.svc", Environment(Pod(objects, "StatefulSet")));
        Assert.Contains("MILLPOND__ADMISSION__EXCLUDENAMESPACES=kube-system,cache", Environment(Pod(objects, "StatefulSet")));
        Assert.Contains("MILLPOND__ADMISSION__OWNIMAGES=registry.corp.example/millpond", Environment(Pod(objects, "StatefulSet")));
        Assert.Equal("cache", (string?)Service(objects, "millpond-admission")["spec"]!["selector"]!["app.kubernetes.io/component"]);
    }

    [Fact]
    public async Task A_certificate_of_API_servers_can_be_demanded()
    {
        var objects = await RenderAsync("admission.enabled=true", "admission.clientCa=PEM", "admission.tls.secretName=reviews");

        var maps = objects.Where(one => (string?)one["kind"] == "ConfigMap").ToDictionary(one => (string)one["metadata"]!["name"]!, one => (string?)one["data"]!["client-ca.crt"]);
        Assert.Equal((null, "PEM\n"), (maps["millpond"], maps["millpond-admission"]));
        Assert.Contains("MILLPOND__ADMISSION__CLIENTCA=/etc/millpond/client-ca.crt", Environment(Pod(objects, "Deployment")));
        Assert.Contains("MILLPOND__ADMISSION__CLIENTCA=/etc/millpond/client-ca.crt", Environment(Pod(await RenderAsync("admission.enabled=true", "admission.clientCa=PEM"), "StatefulSet")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Its_webhook_is_the_one_that_the_program_prints(bool isOptIn)
    {
        var objects = await RenderAsync("admission.enabled=true", "admission.caBundle=QUJD", "admission.excludeNamespaces={kube-system,storage}", $"admission.optIn={(isOptIn ? "true" : "false")}");
        var printed = YamlDocuments.One(new WebhookManifest
        {
            Namespace = "cache",
            Service = "millpond-admission",
            CaBundle = "QUJD",
            ExcludedNamespaces = ["kube-system", "storage"],
            IsOptIn = isOptIn,
        }.ToYaml());

        Assert.Equal(Sorted(printed["webhooks"]), Sorted(One(objects, "MutatingWebhookConfiguration")["webhooks"]));
    }

    [Fact]
    public async Task With_a_certificate_from_a_secret_reviews_have_servers_of_their_own_without_a_registry_and_a_disk()
    {
        var objects = await RenderAsync("admission.enabled=true", "admission.tls.secretName=admission-tls", "admission.annotations.cert-manager\\.io/inject-ca-from=cache/x");

        var pod = Pod(objects, "Deployment");
        CheckRights(pod);
        Assert.Equal(2, (long)One(objects, "Deployment")["spec"]!["replicas"]!);
        Assert.Contains("MILLPOND__LISTEN=", Environment(pod));
        Assert.Contains("MILLPOND__ADMISSION__TLS__CERTIFICATE=/etc/millpond-admission/tls.crt", Environment(pod));
        Assert.Equal(["data:emptyDir", "config:configMap", "certificate:secret", "tmp:emptyDir"], pod["volumes"]!.AsArray().Select(volume => $"{volume!["name"]}:{volume.AsObject().Last().Key}"));
        Assert.NotNull(pod["affinity"]!["podAntiAffinity"]);
        Assert.DoesNotContain(Environment(Pod(objects, "StatefulSet")), variable => variable.Contains("ADMISSION", StringComparison.Ordinal));
        Assert.Equal("admission", (string?)Service(objects, "millpond-admission")["spec"]!["selector"]!["app.kubernetes.io/component"]);
        Assert.Equal(
            ["admission", "cache"], All(objects, "PodDisruptionBudget").Select(budget => (string?)budget["spec"]!["selector"]!["matchLabels"]!["app.kubernetes.io/component"]).Order());
        Assert.Equal("cache/x", (string?)One(objects, "MutatingWebhookConfiguration")["metadata"]!["annotations"]!["cert-manager.io/inject-ca-from"]);
    }

    [Fact]
    public async Task Servers_that_only_review_are_given_nothing_that_opens_an_upstream()
    {
        const string Secret = "hub-secret";
        var objects = await RenderAsync(
            "admission.enabled=true", "admission.tls.secretName=x", "config.publicUrl=https://cache.corp.example",
            "config.rules[0].prefix=docker-hub", $"config.rules[0].credential.file=/{Secret}/hub.json", "config.rules[0].allow={library/**}",
            "config.rules[1].prefix=team", "config.rules[1].upstream=harbor.example", $"config.rules[1].headers.X-Key={Secret}", $"config.rules[1].tls.key=/{Secret}/key",
            $"config.rules[1].proxy=http://{Secret}@proxy.example", $"config.defaults.headers.X-All={Secret}", "config.listeners[0].rule=team", "config.listeners[0].url=http://0.0.0.0:5001",
            "extraEnv[0].name=HUB", $"extraEnv[0].value={Secret}", $"extraVolumes[0].name={Secret}", "extraVolumes[0].emptyDir.medium=Memory",
            $"extraVolumeMounts[0].name={Secret}", $"extraVolumeMounts[0].mountPath=/{Secret}", "admission.extraEnv[0].name=MILLPOND__LOG__LEVEL", "admission.extraEnv[0].value=debug");
        var pod = Pod(objects, "Deployment");
        var map = Assert.Single(All(objects, "ConfigMap"), one => (string?)one["metadata"]!["name"] == "millpond-admission");

        Assert.DoesNotContain(Secret, pod.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, map.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("millpond-admission", (string?)pod["volumes"]![1]!["configMap"]!["name"]);
        Assert.Equal(["admission", "operations"], pod["containers"]![0]!["ports"]!.AsArray().Select(port => (string?)port!["name"]));
        var result = Read((string)map["data"]!["millpond.yaml"]!, pod);
        Assert.True(result.Configuration is { Listen.IsEmpty: true, Listeners.IsEmpty: true, Log.Level: Microsoft.Extensions.Logging.LogLevel.Debug }, result.Describe());
        Assert.All(result.Configuration!.Rules, rule => Assert.False(rule.IsAuthenticated));

        // They rewrite what the cache pulls, and leave alone what it does not.
        Assert.Equal(["docker-hub", "team", "quay", "k8s"], result.Configuration.Rules.Select(rule => rule.Prefix));
        Assert.Equal(["library/**"], result.Configuration.Rules[0].Allow);
        Assert.Contains(Secret, Pod(objects, "StatefulSet").ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_port_has_a_network_policy_of_its_own(bool isStandalone)
    {
        string[] own = isStandalone ? ["admission.tls.secretName=x"] : [];
        var policies = All(
            await RenderAsync(["networkPolicy.enabled=true", "admission.enabled=true", "networkPolicy.reviews.from[0].ipBlock.cidr=10.0.0.0/28", .. own]), "NetworkPolicy")
            .ToDictionary(one => (string)one["metadata"]!["name"]!, one => one["spec"]!);

        Assert.Equal(["millpond-operations", "millpond-pulls", "millpond-reviews"], policies.Keys.Order());
        Assert.Equal(
            [("millpond-operations", "operations"), ("millpond-pulls", "registry"), ("millpond-reviews", "admission")],
            policies.Select(policy => (policy.Key, (string?)policy.Value["ingress"]![0]!["ports"]![0]!["port"])).Order());
        Assert.Equal("""[{"ipBlock":{"cidr":"10.0.0.0/28"}}]""", policies["millpond-reviews"]["ingress"]![0]!["from"]!.ToJsonString());
        Assert.Equal("""[{"podSelector":{}}]""", policies["millpond-operations"]["ingress"]![0]!["from"]!.ToJsonString());
        Assert.Null(policies["millpond-pulls"]["ingress"]![0]!["from"]);
        Assert.Equal(isStandalone, policies["millpond-reviews"]["egress"] is JsonArray { Count: 0 });
        Assert.Equal(isStandalone ? "admission" : "cache", (string?)policies["millpond-reviews"]["podSelector"]!["matchLabels"]!["app.kubernetes.io/component"]);
    }

    [Fact]
    public async Task A_slow_first_start_is_waited_for()
    {
        var probe = Pod(await RenderAsync("startupSeconds=601"), "StatefulSet")["containers"]![0]!["startupProbe"]!;

        Assert.Equal((2L, 301L), ((long)probe["periodSeconds"]!, (long)probe["failureThreshold"]!));
    }

    [Fact]
    public async Task Its_variables_and_configuration_are_ones_that_the_server_takes()
    {
        var objects = await RenderAsync("admission.enabled=true", "config.publicUrl=https://cache.corp.example", "config.admission.tiers={default}");
        using var file = new Configuration.ConfigurationFile((string)One(objects, "ConfigMap")["data"]!["millpond.yaml"]!);
        foreach (var variable in Environment(Pod(objects, "StatefulSet")).Select(variable => variable.Split('=', 2)))
        {
            file.Environment[variable[0]] = variable[1];
        }

        var result = file.Read();

        Assert.True(result.Configuration is { Admission: { IsOn: true, Tls: null, Tiers: ["default"] } }, result.Describe());
        Assert.Equal("cache.corp.example", result.Configuration!.Admission.Registry?.ToString());
    }

    [Fact]
    public async Task A_configuration_for_reviews_alone_is_one_too()
    {
        var objects = await RenderAsync("admission.enabled=true", "admission.tls.secretName=x", "config.publicUrl=https://cache.corp.example");
        var map = Assert.Single(All(objects, "ConfigMap"), one => (string?)one["metadata"]!["name"] == "millpond-admission");

        var result = Read((string)map["data"]!["millpond.yaml"]!, Pod(objects, "Deployment"));

        Assert.True(result.Configuration is { Listen.IsEmpty: true, Admission: { IsOn: true, Tls: not null } }, result.Describe());
    }

    [Theory]
    [InlineData]
    [InlineData("image.digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "imagePullSecrets[0].name=pull", "priorityClassName=high", "podAnnotations.a=b")]
    [InlineData("ingress.enabled=true", "ingress.host=cache.corp.example", "ingress.className=nginx", "ingress.tlsSecretName=tls", "ingress.annotations.a=b")]
    [InlineData("service.type=NodePort", "service.nodePort=30500", "service.annotations.a=b", "persistence.storageClassName=fast", "persistence.size=1Ti")]
    [InlineData("nodeSelector.a=b", "tolerations[0].operator=Exists", "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=a", "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=Exists")]
    [InlineData("extraEnv[0].name=A", "extraEnv[0].value=b", "extraVolumes[0].name=v", "extraVolumes[0].emptyDir.medium=Memory", "extraVolumeMounts[0].name=v", "extraVolumeMounts[0].mountPath=/v")]
    [InlineData("networkPolicy.enabled=true", "networkPolicy.operations.from=null", "startupSeconds=30")]
    [InlineData("networkPolicy.enabled=true", "admission.enabled=true", "admission.tls.secretName=x", "networkPolicy.pulls.from[0].namespaceSelector.matchLabels.a=b")]
    [InlineData("podDisruptionBudget.enabled=false", "admission.enabled=true", "admission.caBundle=QUJD", "admission.optIn=true")]
    [InlineData("admission.enabled=true", "admission.tls.secretName=x", "admission.caBundle=QUJD", "admission.replicas=3", "imagePullSecrets[0].name=pull", "extraEnv[0].name=A", "extraEnv[0].value=b", "tolerations[0].operator=Exists")]
    public async Task Whatever_is_set_it_renders_objects_of_the_Kubernetes_API(params string[] values)
    {
        string[] sets = [.. Least.Concat(values).SelectMany(value => (string[])["--set", value])];
        var rendered = (await helm.RunAsync(["template", "millpond", Chart, "--namespace", "cache", .. sets])).ShouldSucceed().Output;
        (await helm.RunAsync(["lint", Chart, "--strict", .. sets])).ShouldSucceed();

        var kinds = KubernetesModels.Read(rendered);

        Assert.Contains("StatefulSet", kinds);
        Assert.Equal(values.Contains("admission.caBundle=QUJD"), kinds.Contains("MutatingWebhookConfiguration"));
        Assert.Equal(values.Contains("ingress.enabled=true"), kinds.Contains("Ingress"));
    }

    [Fact]
    public async Task Every_value_stands_in_the_table_with_its_default()
    {
        var values = YamlDocuments.One(await File.ReadAllTextAsync(Path.Join(Chart, "values.yaml"), TestContext.Current.CancellationToken));
        var rows = (await File.ReadAllLinesAsync(Path.Join(Chart, "README.md"), TestContext.Current.CancellationToken))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Select(cells => $"{cells[1].Trim('`')} = {cells[2].Trim('`')}");

        Assert.Equal(Values(values, ""), rows);
    }

    /// <summary>Maps are gone into, but for those that go into the objects as they are.</summary>
    private static IEnumerable<string> Values(JsonObject map, string at) => map.SelectMany(entry =>
        entry.Value is JsonObject { Count: > 0 } inner && (at + entry.Key) is not ("config" or "resources" or "admission.resources" or "podSecurityContext")
            ? Values(inner, $"{at}{entry.Key}.")
            : [$"{at}{entry.Key} = {entry.Value?.ToJsonString() ?? "null"}"]);

    private static string Chart => Path.Join(RequireClient.Repository, "deploy/helm/millpond");

    private static void CheckRights(JsonNode pod)
    {
        Assert.Equal((true, 65532L), ((bool)pod["securityContext"]!["runAsNonRoot"]!, (long)pod["securityContext"]!["runAsUser"]!));
        Assert.Equal(
            """{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}""", pod["containers"]![0]!["securityContext"]!.ToJsonString());
        Assert.False((bool)pod["automountServiceAccountToken"]!);
        Assert.NotNull(pod["containers"]![0]!["readinessProbe"]);
        Assert.NotNull(pod["containers"]![0]!["livenessProbe"]);
    }

    /// <summary>As the server of a pod reads its configuration.</summary>
    private static Millpond.Server.Configuration.ConfigurationResult Read(string yaml, JsonNode pod)
    {
        using var file = new Configuration.ConfigurationFile(yaml);
        var pem = file.Make("tls.pem");
        foreach (var variable in Environment(pod).Select(variable => variable.Split('=', 2)))
        {
            file.Environment[variable[0]] = variable[1].StartsWith("/etc/", StringComparison.Ordinal) ? pem : variable[1];
        }

        return file.Read();
    }

    private static IEnumerable<JsonObject> All(JsonObject[] objects, string kind) => objects.Where(one => (string?)one["kind"] == kind);

    private static JsonObject One(JsonObject[] objects, string kind) => Assert.Single(objects, one => (string?)one["kind"] == kind);

    private static JsonObject Service(JsonObject[] objects, string name) => Assert.Single(objects, one => (string?)one["kind"] == "Service" && (string?)one["metadata"]!["name"] == name);

    private static JsonNode Pod(JsonObject[] objects, string kind) => One(objects, kind)["spec"]!["template"]!["spec"]!;

    private static IEnumerable<string> Names(JsonObject[] objects) => objects.Select(one => $"{one["kind"]} {one["metadata"]!["name"]}").Order(StringComparer.Ordinal);

    private static string[] Environment(JsonNode pod) => [.. pod["containers"]![0]!["env"]!.AsArray().Select(variable => $"{variable!["name"]}={variable["value"]}")];

    /// <summary>Independent of the order in which keys are written.</summary>
    private static string Sorted(JsonNode? node) => node switch
    {
        JsonObject map => $"{{{string.Join(',', map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}:{Sorted(entry.Value)}"))}}}",
        JsonArray list => $"[{string.Join(',', list.Select(Sorted))}]",
        _ => node?.ToJsonString() ?? "null",
    };

    private async Task<JsonObject[]> RenderAsync(params string[] values)
    {
        string[] sets = [.. Least.Concat(values).SelectMany(value => (string[])["--set", value])];
        return YamlDocuments.Read((await helm.RunAsync(["template", "millpond", Chart, "--namespace", "cache", .. sets])).ShouldSucceed().Output);
    }
}
