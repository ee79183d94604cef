using Millpond.Cli;
using Millpond.Cli.Warming;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

/// <summary>Warming through a real server from a real upstream.</summary>
public sealed class WarmCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly EagerTime time = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_was_warmed_is_pulled_with_the_upstream_gone()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        TestImage[] images = [.. Enumerable.Range(4000, 3).Select(seed => TestImages.OnePlatform(seed))];
        upstream.Add("team/listed", images[0], "1");
        upstream.Add("team/running", images[1], "latest");
        upstream.Add("team/pinned", images[2], "1");
        await using var host = await StartAsync(upstream);
        var manifest = folder.Write("app.yaml", $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: app}
            spec:
              initContainers: [{name: a, image: "{{upstream.Address.Authority}}/team/running"}]
              containers: [{name: b, image: "{{host.Address.Authority}}/up/team/pinned:any@{{images[2].Digest}}"}]
            """);

        var run = await WarmAsync(host, $"# what else\n\n{upstream.Address.Authority}/team/listed:1\n", [manifest, "--list", "-"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Messages));
        var size = Sizes.Text(images.SelectMany(image => image.Blobs).Sum(blob => blob.Length));
        Assert.EndsWith($"3 of 3 images are warm ({size} pulled, 0 cached before), 0 failed, 0 passed over.\n", run.Output, StringComparison.Ordinal);

        upstream.GoDown();
        await host.PullAsync("up/team/listed", images[0], "1");
        await host.PullAsync("up/team/running", images[1], "latest");
        await host.PullAsync("up/team/pinned", images[2]);
    }

    [Theory]
    [InlineData("linux/amd64", 1, 0)]
    [InlineData("linux/arm64", 0, 1)]
    [InlineData("linux/arm64,linux/amd64", 1, 1)]
    [InlineData("all", 1, 1)]
    public async Task Only_the_chosen_platforms_are_pulled(string platforms, int amd64, int arm64)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.TwoPlatforms(seed: 4100);
        upstream.Add("team/app", image, "1");
        await using var host = await StartAsync(upstream);

        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1", ["--list", "-", "--platforms", platforms]);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(amd64, Downloads(image.Children[0]));
        Assert.Equal(arm64, Downloads(image.Children[1]));
        Assert.Equal(platforms == "all" ? 1 : 0, Downloads(image.Children[2]));

        int Downloads(TestImage child) => upstream.Requests(RequestKind.Blob).Count(request => request.Reference == child.Layer.Digest.ToString());
    }

    [Fact]
    public async Task A_platform_that_no_image_has_is_a_failure_that_says_what_there_is()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.TwoPlatforms(seed: 4200), "1");
        await using var host = await StartAsync(upstream);
        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1", ["--list", "-", "--platforms", "windows/amd64"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("has nothing for windows/amd64; it has linux/amd64, linux/arm64", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_cached_is_not_pulled_again()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.TwoPlatforms(seed: 4300);
        upstream.Add("team/app", image, "1");
        await using var host = await StartAsync(upstream);
        string[] arguments = ["--list", "-"];
        var reference = $"{upstream.Address.Authority}/team/app:1";
        Assert.Equal(0, (await WarmAsync(host, reference, arguments)).ExitCode);
        // A pull does not wait until its bytes are filed.
        await Task.WhenAll(image.Children.Take(2).SelectMany(child => child.Blobs).Select(blob => host.Log.WhenLineAsync($"Filled {blob.Digest}")));
        upstream.ClearRequests();

        var again = await WarmAsync(host, reference, arguments);
        Assert.Equal(0, again.ExitCode);
        upstream.AssertNoRequests();
        Assert.Equal(
            $"[1/1] warm {reference}: was cached\n1 of 1 images are warm (0 B pulled, 1 cached before), 0 failed, 0 passed over.\n",
            again.Output);
    }

    [Fact]
    public async Task An_interrupted_run_goes_on_where_it_stopped()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        TestImage[] images = [.. Enumerable.Range(0, 3).Select(i => TestImages.WithLayers(TestBlob.Generated(4400 + i, 5000)))];
        for (var i = 0; i < images.Length; i++)
        {
            upstream.Add($"team/app{i}", images[i], "1");
        }

        await using var host = await StartAsync(upstream);
        var list = folder.Write("list", string.Concat(Enumerable.Range(0, 3).Select(i => $"{upstream.Address.Authority}/team/app{i}:1\n")));
        string[] arguments = ["--list", list, "--parallel", "1", "--state", folder.File("state")];
        var gate = upstream.Park(images[1].Layer.Digest, after: 2000);
        using var stop = new CancellationTokenSource();
        var running = WarmAsync(host, "", arguments, stop.Token);
        await gate.WhenReached();
        await stop.CancelAsync();
        var stopped = await running;
        Assert.Equal(1, stopped.ExitCode);
        Assert.Contains("[1/3] warm ", stopped.Output, StringComparison.Ordinal);
        Assert.Contains("the run was stopped before it was done", stopped.Output, StringComparison.Ordinal);
        Assert.Contains("1 of 3 images are warm", stopped.Output, StringComparison.Ordinal);

        // As if it had been cut off in the middle of a line.
        await File.AppendAllTextAsync(folder.File("state"), "{\"server\":\"http", TestContext.Current.CancellationToken);
        gate.Open();
        var resumed = await WarmAsync(host, "", arguments);
        Assert.Equal(0, resumed.ExitCode);
        Assert.Contains("app0:1: done in an earlier run", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("3 of 3 images are warm", resumed.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("state")));
        upstream.GoDown();
        await host.PullAsync("up/team/app2", images[2], "1");
    }

    [Fact]
    public async Task Failures_are_listed_with_their_reason_and_the_others_are_warm()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var (good, broken) = (TestImages.OnePlatform(seed: 4500), TestImages.OnePlatform(seed: 4501));
        upstream.Add("team/good", good, "1");
        upstream.Add("team/broken", broken, "1");
        upstream.RemoveBlob("team/broken", broken.Layer.Digest);
        await using var host = await StartAsync(upstream);
        var authority = upstream.Address.Authority;
        var run = await WarmAsync(host, $"{authority}/team/gone:1\n{authority}/team/broken:1\n{authority}/team/good:1\nquay.io/a/b:1\n", ["--list", "-"]);

        Assert.Equal(1, run.ExitCode);
        Assert.Matches(@"failed .*/team/gone:1: 404 MANIFEST_UNKNOWN: ", run.Output);
        Assert.Matches($"failed .*/team/broken:1: {broken.Layer.Digest}: 404 BLOB_UNKNOWN: ", run.Output);
        Assert.Matches(@"quay\.io/a/b:1 .*no rule is for this registry", run.Output);
        Assert.Matches(@"1 of 3 images are warm \(\d.* pulled, 0 cached before\), 2 failed, 1 passed over\.\n\z", run.Output);
        upstream.GoDown();
        await host.PullAsync("up/team/good", good, "1");
    }

    [Fact]
    public async Task A_throttling_upstream_is_waited_for()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Time = time });
        upstream.Add("team/app", TestImages.OnePlatform(seed: 4600), "1");
        await using var host = await StartAsync(upstream);
        var throttle = upstream.Arm(UpstreamFault.ThrottledWithRetryAfter, times: 3, kind: RequestKind.Manifest);
        var begun = time.GetUtcNow();
        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1", ["--list", "-"]);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(3, throttle.Taken);
        Assert.Contains($"{upstream.Address.Authority}/team/app:1: waits ", run.Output, StringComparison.Ordinal);
        Assert.Matches("for its upstream: 429 TOOMANYREQUESTS: .*at most 5m: --max-wait", run.Output);
        Assert.True(time.GetUtcNow() - begun >= TimeSpan.FromSeconds(21));
    }

    [Fact]
    public async Task A_throttling_upstream_is_not_waited_for_longer_than_asked()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Time = time });
        upstream.Add("team/app", TestImages.OnePlatform(seed: 4700), "1", "2");
        await using var host = await StartAsync(upstream);
        upstream.Arm(UpstreamFault.ThrottledWithRetryAfter, times: 100);
        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1\n{upstream.Address.Authority}/team/app:2", ["--list", "-", "--max-wait", "20s"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(2, run.Output.Split('\n').Count(line => line.Contains("failed ", StringComparison.Ordinal) && line.Contains("429 TOOMANYREQUESTS", StringComparison.Ordinal)));
        Assert.Contains("longer than --max-wait 20s", run.Output, StringComparison.Ordinal);
        Assert.InRange(upstream.Requests(RequestKind.Manifest).Count, 2, 8);
    }

    [Fact]
    public async Task It_leaves_the_rest_of_a_rate_limit_to_clients()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 8, Time = time });
        var tags = Enumerable.Range(1, 8).Select(i => $"{i}").ToArray();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 4800), tags);
        await using var host = await StartAsync(upstream);
        var list = string.Concat(tags.Select(tag => $"{upstream.Address.Authority}/team/app:{tag}\n"));
        var run = await WarmAsync(host, list, ["--list", "-", "--parallel", "1", "--max-wait", "0s"]);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("6 of 8 images are warm", run.Output, StringComparison.Ordinal);
        Assert.Contains("rate limit is nearly used up", run.Output, StringComparison.Ordinal);
        Assert.Equal(6, upstream.Requests(RequestKind.Manifest).Count(request => request.Method == "GET"));
    }

    [Fact]
    public async Task An_outage_is_reported_as_one()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Time = time });
        await using var host = await StartAsync(upstream);
        upstream.GoDown();
        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1", ["--list", "-", "--max-wait", "0s"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Matches(@"failed .*: 50[24] UNAVAILABLE: ", run.Output);
    }

    [Fact]
    public async Task Wrong_bytes_are_not_taken_for_an_image()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Time = time });
        var image = TestImages.WithLayers(TestBlob.Generated(seed: 4901, length: 3_000_000));
        upstream.Add("team/app", image, "1");
        await using var host = await StartAsync(upstream);
        var fault = upstream.Arm(UpstreamFault.WrongBytes, times: 1, reference: image.Layer.Digest.ToString());
        var run = await WarmAsync(host, $"{upstream.Address.Authority}/team/app:1", ["--list", "-"]);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(1, fault.Taken);
        upstream.GoDown();
        await host.PullAsync("up/team/app", image, "1");
    }

    [Fact]
    public async Task A_report_of_coverage_says_what_to_warm()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 5000), "1");
        await using var host = await StartAsync(upstream);
        var text = $"image:\n  registry: {upstream.Address.Authority}\n  repository: team/untagged\nsidecar:\n  image: {upstream.Address.Authority}/team/app:1\n";
        var values = folder.Write("values.yaml", text);
        var server = host.Address.ToString();
        var report = await VerbRun.OfAsync(streams => CoverageCommand.Create(streams), "", [values, "--server", server, "--format", "json"], TestContext.Current.CancellationToken);
        var file = folder.Write("coverage.json", report.Output);

        foreach (var arguments in new string[][] { ["--coverage", file], [values] })
        {
            var run = await WarmAsync(host, "", arguments);
            Assert.Equal((0, ""), (run.ExitCode, run.Messages));
            Assert.Matches(@"team/untagged .*has no tag here", run.Output);
            Assert.Contains("1 of 1 images are warm", run.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Name files or folders", "a/b:1")]
    [InlineData("-:2: 'No Reference' is not an image reference", "a/b:1\nNo Reference\n", "--list", "-")]
    [InlineData("neither all nor os/architecture", "a/b:1", "--list", "-", "--platforms", "arm64")]
    [InlineData("Standard input can be read once", "a/b:1", "--list", "-", "-")]
    [InlineData("--parallel is a number from 1 to 64", "a/b:1", "--list", "-", "--parallel", "0")]
    [InlineData("--max-wait is a time", "a/b:1", "--list", "-", "--max-wait", "long")]
    [InlineData("No image is named", "# nothing\n", "--list", "-")]
    [InlineData("is neither a file nor a folder", "", "/no/such/file")]
    [InlineData("/no/such/list", "", "--list", "/no/such/list")]
    [InlineData("--state /no/such/folder/state", "a/b:1", "--list", "-", "--state", "/no/such/folder/state")]
    public async Task Bad_input_is_refused_at_once(string message, string input, params string[] arguments)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await StartAsync(upstream);
        var run = await WarmAsync(host, input, arguments);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(message, run.Messages, StringComparison.Ordinal);
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_bad_input_too()
    {
        var run = await VerbRun.OfAsync(Create, "quay.io/a/b:1", ["--list", "-", "--server", FakeUpstream.RefusedAddress.ToString()], TestContext.Current.CancellationToken);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("did not give the rules", run.Messages, StringComparison.Ordinal);
        foreach (var arguments in new string[][] { ["--list", "-"], ["--list", "-", "--server", "cache.example.com:5000"] })
        {
            var wrong = await VerbRun.OfAsync(Create, "quay.io/a/b:1", arguments, TestContext.Current.CancellationToken);
            Assert.Equal(2, wrong.ExitCode);
            Assert.Contains("--server", wrong.Messages, StringComparison.Ordinal);
        }
    }

    private Task<MillpondHost> StartAsync(FakeUpstream upstream) => MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });

    private Task<VerbRun> WarmAsync(MillpondHost host, string input, string[] arguments, CancellationToken cancellationToken = default) =>
        VerbRun.OfAsync(Create, input, [.. arguments, "--server", host.Address.ToString()], cancellationToken);

    private System.CommandLine.Command Create(Streams streams) => WarmCommand.Create(streams, time);
}
