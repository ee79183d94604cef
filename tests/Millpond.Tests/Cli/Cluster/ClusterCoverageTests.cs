using System.Text.Json;
using Millpond.Cli;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli.Cluster;

/// <summary>Coverage of what a cluster runs, read from an API server that pages.</summary>
public sealed class ClusterCoverageTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private FakeCluster cluster = null!;

    public async ValueTask InitializeAsync() => cluster = await FakeCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await cluster.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Every_workload_is_read_with_every_kind_of_container()
    {
        cluster.Add("pods", "default", "app", """
            {"spec": {
              "initContainers": [{"name": "i", "image": "quay.io/a/init:1"}],
              "containers": [{"name": "c", "image": "quay.io/a/main:1", "args": ["--prometheus-config-reloader=quay.io/a/reloader:1"]}],
              "ephemeralContainers": [{"name": "e", "image": "quay.io/a/debug:1"}],
              "volumes": [{"name": "v", "image": {"reference": "quay.io/a/volume:1"}}]},
             "status": {"containerStatuses": [{"name": "c", "image": "quay.io/not/read:1", "imageID": "quay.io/a/main@sha256:ab"}]}}
            """);
        AddTemplated("deployments", "quay.io/b/deployment:1");
        AddTemplated("statefulsets", "quay.io/b/statefulset:1");
        AddTemplated("daemonsets", "public.ecr.aws/b/daemonset:1");
        AddTemplated("jobs", "quay.io/b/job:1");
        cluster.Add("cronjobs", "default", "app", """{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "quay.io/b/cronjob:1"}]}}}}}}""");

        using var report = await ReportAsync();
        Assert.Equal(
            [
                "public.ecr.aws/b/daemonset:1", "quay.io/a/debug:1", "quay.io/a/init:1", "quay.io/a/main:1", "quay.io/a/reloader:1", "quay.io/a/volume:1",
                "quay.io/b/cronjob:1", "quay.io/b/deployment:1", "quay.io/b/job:1", "quay.io/b/statefulset:1",
            ],
            Images(report).Select(image => image.GetProperty("reference").GetString()));
        Assert.Equal("public-ecr-aws-owned", Images(report)[0].GetProperty("reason").GetString());
        var place = Image(report, "quay.io/a/debug:1").GetProperty("places")[0];
        Assert.Equal(
            ("pods/default/app", 0, "ephemeral-container", "spec.ephemeralContainers[0].image"),
            (place.GetProperty("file").GetString(), place.GetProperty("line").GetInt32(), place.GetProperty("kind").GetString(), place.GetProperty("path").GetString()));
        Assert.Equal("cronjobs.batch/default/app", Image(report, "quay.io/b/cronjob:1").GetProperty("places")[0].GetProperty("file").GetString());
        Assert.False(report.RootElement.TryGetProperty("notReadable", out _));
        Assert.False(report.RootElement.TryGetProperty("notRead", out _));
    }

    [Fact]
    public async Task Lists_are_read_page_by_page()
    {
        cluster.PageSize = 2;
        AddPods(5);
        using var report = await ReportAsync();
        Assert.Equal(5, Assert.Single(Images(report)).GetProperty("places").GetArrayLength());
        Assert.Equal(
            ["/api/v1/pods?limit=500", "/api/v1/pods?limit=500&continue=from%202", "/api/v1/pods?limit=500&continue=from%204"],
            cluster.Requests.Where(request => request.StartsWith("/api/v1/pods", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(3, 7)]
    public async Task A_continue_token_that_has_grown_too_old_begins_the_list_anew(int times, int requests)
    {
        cluster.PageSize = 2;
        AddPods(5);
        cluster.Expire("pods", times);
        using var report = await ReportAsync();
        Assert.Equal(5, Assert.Single(Images(report)).GetProperty("places").GetArrayLength());
        var pods = cluster.Requests.Where(request => request.StartsWith("/api/v1/pods", StringComparison.Ordinal)).ToArray();
        Assert.Equal(requests, pods.Length);
        // After three lists in vain, one in a single piece, which has no token.
        Assert.Equal(times == 3, pods[^1] == "/api/v1/pods");
    }

    [Theory]
    [InlineData("json", "\"what\": \"deployments.apps\"")]
    [InlineData("table", "not readable: deployments.apps: 403 Forbidden: deployments is forbidden: User \"alice\" cannot list")]
    [InlineData("markdown", "| deployments.apps | 403 Forbidden: deployments is forbidden")]
    public async Task What_may_not_be_read_is_said_and_is_no_success(string format, string expected)
    {
        AddPods(1);
        AddTemplated("deployments", "quay.io/b/deployment:1");
        cluster.Forbidden.Add("deployments");
        var run = await RunAsync("--format", format, "--fail-uncovered");
        Assert.Contains(expected, run.Output, StringComparison.Ordinal);
        Assert.Contains("quay.io/a/app:1", run.Output, StringComparison.Ordinal);
        Assert.Equal((1, ""), (run.ExitCode, run.Messages));
    }

    [Fact]
    public async Task Covered_and_wholly_read_is_success()
    {
        AddPods(1);
        Assert.Equal(0, (await RunAsync("--fail-uncovered")).ExitCode);
        cluster.Add("pods", "default", "other", """{"spec": {"containers": [{"name": "c", "image": "gcr.io/a/b:1"}]}}""");
        Assert.Equal(1, (await RunAsync("--fail-uncovered")).ExitCode);
    }

    [Fact]
    public async Task Where_nothing_may_be_read_a_namespace_may()
    {
        AddPods(1);
        cluster.Add("pods", "team", "app", """{"spec": {"containers": [{"name": "c", "image": "quay.io/team/app:1"}]}}""");
        cluster.Forbidden.UnionWith(["pods@", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"]);
        var run = await RunAsync();
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("needs --namespace", run.Messages, StringComparison.Ordinal);

        using var report = await ReportAsync("--namespace", "team");
        Assert.Equal("quay.io/team/app:1", Assert.Single(Images(report)).GetProperty("reference").GetString());
        Assert.Equal(5, report.RootElement.GetProperty("notRead").GetArrayLength());
    }

    [Fact]
    public async Task Another_image_than_the_one_named_is_told()
    {
        var (asked, other) = ("sha256:" + new string('a', 64), "sha256:" + new string('b', 64));
        cluster.Add("pods", "default", "app", $$"""
            {"spec": {"containers": [
              {"name": "same", "image": "nginx:1"}, {"name": "moved", "image": "quay.io/a/moved:1"}, {"name": "pinned", "image": "quay.io/a/pinned@{{asked}}"},
              {"name": "bare", "image": "quay.io/a/bare:1"}, {"name": "waiting", "image": "quay.io/a/waiting:1"}]},
             "status": {"containerStatuses": [
              {"name": "pinned", "imageID": "quay.io/a/pinned@{{other}}"},
              {"name": "same", "imageID": "docker-pullable://docker.io/library/nginx@{{other}}"},
              {"name": "moved", "imageID": "docker-pullable://mirror.example.com/a/moved@{{other}}"},
              {"name": "bare", "imageID": "{{other}}"},
              {"name": "waiting", "imageID": ""}]} }
            """);
        using var report = await ReportAsync();
        Assert.Equal(
            [$"quay.io/a/moved:1 mirror.example.com/a/moved@{other}", $"quay.io/a/pinned@{asked} quay.io/a/pinned@{other}"],
            from image in Images(report)
            from place in image.GetProperty("places").EnumerateArray()
            where place.TryGetProperty("imageId", out _)
            select $"{image.GetProperty("reference").GetString()} {place.GetProperty("imageId").GetString()}");
        Assert.Contains("(runs ", (await RunAsync()).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Custom_resources_that_the_tables_know_are_read_when_asked_for()
    {
        AddPods(1);
        cluster.AddKind("monitoring.coreos.com", "v1", "prometheuses", "Prometheus");
        cluster.AddKind("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor");
        cluster.AddKind("monitoring.coreos.com", "v1", "alertmanagers", "Alertmanager", listable: false);
        cluster.AddKind("example.com", "v1", "widgets", "Widget");
        cluster.AddKind("opentelemetry.io", "v1", "opentelemetrycollectors", "OpenTelemetryCollector");
        cluster.Away.Add("opentelemetry.io");
        cluster.Add("prometheuses", "monitoring", "k8s", """{"spec": {"image": "quay.io/prometheus/prometheus:v3"}}""");
        using (var without = await ReportAsync())
        {
            Assert.Single(Images(without));
        }

        Assert.DoesNotContain("/apis", cluster.Requests);
        using var report = await ReportAsync("--custom-resources");
        Assert.Equal(
            "prometheuses.monitoring.coreos.com/monitoring/k8s",
            Image(report, "quay.io/prometheus/prometheus:v3").GetProperty("places")[0].GetProperty("file").GetString());
        Assert.Equal("opentelemetry.io/v1", Assert.Single(report.RootElement.GetProperty("notRead").EnumerateArray()).GetProperty("what").GetString());
        Assert.DoesNotContain(cluster.Requests, request => request.Contains("servicemonitors", StringComparison.Ordinal) || request.Contains("alertmanagers", StringComparison.Ordinal)
            || request.Contains("widgets", StringComparison.Ordinal) || request.Contains("example.com", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whether_an_image_is_cached_is_asked_of_the_server()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 6000), "1", "2");
        await using var host = await MillpondHost.StartAsync(upstream);
        foreach (var tag in new[] { "1", "2" })
        {
            cluster.Add("pods", "default", $"app{tag}", $$$"""{"spec": {"containers": [{"name": "c", "image": "{{{upstream.Address.Authority}}}/team/app:{{{tag}}}"}]} }""");
        }

        using (await host.ManifestAsync("up/team/app", "1"))
        {
        }

        upstream.ClearRequests();
        var run = await RunClusterAsync(["--server", host.Address.ToString(), "--format", "json"]);
        using var report = JsonDocument.Parse(run.Output);
        Assert.Equal([true, false], Images(report).Select(image => image.GetProperty("cached").GetBoolean()));
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_busy_API_server_is_asked_again()
    {
        AddPods(1);
        cluster.BeBusy(3);
        using var report = await ReportAsync();
        Assert.Single(Images(report));
    }

    [Fact]
    public async Task Files_and_a_cluster_make_one_report()
    {
        AddPods(1);
        var file = folder.Write("pod.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/a/app:1\n");
        using var report = await ReportAsync(file);
        Assert.Equal([$"{file}:5", "pods/default/app0:0"], Assert.Single(Images(report)).GetProperty("places").EnumerateArray()
            .Select(place => $"{place.GetProperty("file").GetString()}:{place.GetProperty("line").GetInt32()}"));
    }

    [Theory]
    [InlineData("does not accept the login", "--context", "stranger")]
    [InlineData("The kubeconfig cannot be used", "--context", "nowhere")]
    [InlineData("there is no such file", "--kubeconfig", "/no/such/file")]
    public async Task A_cluster_that_cannot_be_read_is_said_so(string message, params string[] arguments)
    {
        AddPods(1);
        var run = await RunAsync(arguments);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(message, run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_API_server_that_is_away_is_said_so()
    {
        var text = cluster.Kubeconfig().Replace(cluster.Address.Authority, FakeUpstream.RefusedAddress.Authority, StringComparison.Ordinal);
        var run = await RunAsync("--kubeconfig", folder.Write("away", text));
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("does not answer", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_about_a_cluster_needs_one()
    {
        var run = await CoverageAsync(["--namespace", "team", "--registry", "cache.example.com"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("say --cluster too", run.Messages, StringComparison.Ordinal);
    }

    private static JsonElement[] Images(JsonDocument report) => [.. report.RootElement.GetProperty("images").EnumerateArray()];

    private static JsonElement Image(JsonDocument report, string reference) =>
        Images(report).Single(image => image.GetProperty("reference").GetString() == reference);

    private void AddPods(int count)
    {
        for (var i = 0; i < count; i++)
        {
            cluster.Add("pods", "default", $"app{i}", """{"spec": {"containers": [{"name": "c", "image": "quay.io/a/app:1"}]}}""");
        }
    }

    private void AddTemplated(string plural, string image) =>
        cluster.Add(plural, "default", "app", $$$"""{"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "{{{image}}}"}]} } } }""");

    private async Task<JsonDocument> ReportAsync(params string[] arguments)
    {
        var run = await RunAsync([.. arguments, "--format", "json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Messages));
        return JsonDocument.Parse(run.Output);
    }

    private Task<VerbRun> RunAsync(params string[] arguments) => RunClusterAsync([.. arguments, "--registry", "cache.example.com", "--tiers", "all"]);

    private Task<VerbRun> RunClusterAsync(string[] arguments)
    {
        string[] kubeconfig = arguments.Contains("--kubeconfig") ? [] : ["--kubeconfig", folder.Write("kubeconfig", cluster.Kubeconfig())];
        return CoverageAsync([.. arguments, "--cluster", .. kubeconfig]);
    }

    private static Task<VerbRun> CoverageAsync(string[] arguments) =>
        VerbRun.OfAsync(streams => CoverageCommand.Create(streams, new EagerTime()), "", arguments, TestContext.Current.CancellationToken);
}
