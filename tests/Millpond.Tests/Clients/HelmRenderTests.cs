using System.Text.Json;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Charts rendered by the real helm: references come to the cache, nothing else changes, and the cache has the images.</summary>
[Trait("Category", "Clients")]
public sealed class HelmRenderTests : IDisposable
{
    private const string Options = "--registry cache.example.com --tiers all";

    /// <summary>Beside what <c>helm create</c> makes: places a values file does not have.</summary>
    private const string Job = """
        # quay.io/demo/comment:1 is no reference
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: {{ .Release.Name }}-job, annotations: {note: "from quay.io/demo/app:1"}}
        spec:
          schedule: "@daily"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                  - {name: first, image: 'registry.k8s.io/demo/docker-v2:1'}
                  containers:
                  - name: second
                    image: demo/zstd:1
                    args: ["--note=quay.io"]

        """;

    /// <summary>What the chart names, in the order it is rendered in.</summary>
    private static readonly (string Reference, string Local)[] images =
    [
        ("quay.io/demo/single:1", "quay/demo/single:1"),
        ("registry.k8s.io/demo/docker-v2:1", "k8s/demo/docker-v2:1"),
        ("demo/zstd:1", "docker-hub/demo/zstd:1"),
    ];

    private readonly ClientProgram helm = new("helm");

    public void Dispose() => helm.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task As_a_plugin_of_Helm_4_it_changes_references_and_nothing_else(bool byEnvironment)
    {
        await CreateChartAsync();
        InstallPlugin();
        // Helm writes its manifests anew for any post-renderer: what one that changes nothing gives is what to compare with.
        helm.Environment["MILLPOND_COMMAND"] = helm.AddScript("same", "exec cat");
        var before = await TemplateAsync("--post-renderer", "millpond");
        helm.Environment.Remove("MILLPOND_COMMAND");
        helm.Environment["MILLPOND_REWRITE_OPTIONS"] = byEnvironment ? Options : "";

        var given = byEnvironment ? [] : Options.Split(' ').SelectMany(option => (string[])["--post-renderer-args", option]);
        var after = await TemplateAsync(["--post-renderer", "millpond", .. given]);

        Assert.Equal(Rewritten(before, "cache.example.com"), after);
    }

    [Fact]
    public async Task As_the_executable_of_Helm_3_it_is_a_filter_that_keeps_every_other_byte()
    {
        await CreateChartAsync();
        var before = await TemplateAsync();
        using var script = new ClientProgram(Path.Join(RequireClient.Repository, "deploy/helm-plugin/rewrite.sh"));
        script.AddMillpond();

        var after = await script.RunWithInputAsync(before, Options.Split(' '));

        Assert.Equal(Rewritten(before, "cache.example.com"), after.ShouldSucceed().Output);
    }

    [Fact]
    public async Task A_failing_rewrite_fails_the_release()
    {
        await CreateChartAsync();
        InstallPlugin();

        var answer = await helm.RunAsync("template", "web", "--post-renderer", "millpond");

        Assert.NotEqual(0, answer.ExitCode);
        Assert.Equal("", answer.Output);
        Assert.Contains("millpond", answer.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_chart_renders_is_pulled_through_the_running_server_that_gave_the_rules()
    {
        await using var upstream = await DockerRegistry.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(
            [Rule("quay", "quay.io", upstream), Rule("k8s", "registry.k8s.io", upstream), Rule("docker-hub", "docker.io", upstream)]);
        using var crane = new ClientProgram("crane");
        await CreateChartAsync();
        InstallPlugin();
        var rendered = await TemplateAsync();
        helm.Environment["MILLPOND_REWRITE_OPTIONS"] = $"--server {millpond.Address}";

        var rewritten = await TemplateAsync("--post-renderer", "millpond");

        using var before = await CoverageAsync(rendered, millpond);
        var covered = before.RootElement.GetProperty("images").EnumerateArray().ToList();
        Assert.Equal(images.Select(image => image.Reference).Order(StringComparer.Ordinal), covered.Select(image => Text(image, "reference")).Order(StringComparer.Ordinal));
        foreach (var image in covered)
        {
            Assert.True(image.GetProperty("covered").GetBoolean(), $"{image}");
            Assert.False(image.GetProperty("cached").GetBoolean(), $"{image}");
            var pulled = Text(image, "rewritten");
            Assert.Contains(pulled, rewritten, StringComparison.Ordinal);
            (await crane.RunAsync("pull", "--insecure", "--format=oci", pulled, Text(image, "rule"))).ShouldSucceed();
            var digest = (await crane.RunAsync("digest", "--insecure", pulled)).ShouldSucceed().Output.Trim();
            Assert.Equal(await upstream.DigestOfAsync(new RealImage(pulled.Split('/', 3)[2].Split(':')[0])), digest);
        }

        using var after = await CoverageAsync(rewritten, millpond);
        Assert.All(after.RootElement.GetProperty("images").EnumerateArray(), image => Assert.True(image.GetProperty("cached").GetBoolean(), $"{image}"));
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static PullThroughRule Rule(string prefix, string name, DockerRegistry upstream) =>
        MillpondHost.Rule(prefix, upstream.Address) with { UpstreamName = name, Proxy = "none", Anonymous = true };

    /// <summary>The longest first: one reference is the end of another.</summary>
    private static string Rewritten(string text, string registry)
    {
        Assert.All(images, image => Assert.Single(text.Split('\n'), line => line.Contains("image:", StringComparison.Ordinal) && line.Contains(image.Reference, StringComparison.Ordinal)));
        return string.Join('\n', text.Split('\n').Select(line => !line.Contains("image:", StringComparison.Ordinal)
            ? line
            : images.Aggregate(line, (now, image) => now.Replace(image.Reference, $"{registry}/{image.Local}", StringComparison.Ordinal))));
    }

    private async Task CreateChartAsync()
    {
        (await helm.RunAsync("create", "web")).ShouldSucceed();
        await File.WriteAllTextAsync(helm.File("web/templates/job.yaml"), Job);
    }

    private void InstallPlugin()
    {
        helm.AddFolder("deploy/helm-plugin", "plugins/millpond");
        helm.Environment["HELM_PLUGINS"] = helm.File("plugins");
        helm.AddMillpond();
    }

    /// <summary>Without the chart's test, whose busybox no registry here has.</summary>
    private async Task<string> TemplateAsync(params string[] arguments)
    {
        string[] command = ["template", "web", "--skip-tests", "--set", "image.repository=quay.io/demo/single", "--set", "image.tag=1", .. arguments];
        return (await helm.RunAsync(command)).ShouldSucceed().Output;
    }

    private async Task<JsonDocument> CoverageAsync(string manifests, MillpondHost millpond)
    {
        using var program = new ClientProgram(helm.File("bin/millpond"));
        var answer = await program.RunWithInputAsync(manifests, "coverage", "-", "--server", $"{millpond.Address}", "--format", "json");
        return JsonDocument.Parse(answer.ShouldSucceed().Output);
    }
}
