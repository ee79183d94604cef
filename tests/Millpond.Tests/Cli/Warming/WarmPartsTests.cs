using Microsoft.Extensions.Time.Testing;
using Millpond.Cli;
using Millpond.Cli.RuleSources;
using Millpond.Cli.Warming;
using Millpond.Images;
using Millpond.Tests.Fixtures;
using Spectre.Console;

namespace Millpond.Tests.Cli.Warming;

public sealed class WarmPartsTests
{
    private static readonly Uri Server = new("http://cache.example.com");

    [Theory]
    [InlineData("linux/arm64", "linux/arm64", true)]
    [InlineData("linux/arm64", "linux/arm64/v8", true)]
    [InlineData("linux/arm", "linux/arm64", false)]
    [InlineData("linux/arm/v7", "linux/arm/v6", false)]
    [InlineData("linux/arm/v7", "linux/arm", false)]
    [InlineData("linux/amd64", null, false)]
    [InlineData("all", null, true)]
    [InlineData("all", "unknown/unknown", true)]
    public void A_platform_means_its_variants_too(string choice, string? platform, bool expected) =>
        Assert.Equal(expected, PlatformChoice.Parse(choice).Includes(platform));

    [Fact]
    public void Patience_with_an_upstream_is_shared_by_its_images_and_begins_anew_with_progress()
    {
        var time = new FakeTimeProvider();
        var patience = new UpstreamPatience(TimeSpan.FromSeconds(60), time);
        Assert.True(patience.MayWait("hub", TimeSpan.FromSeconds(30)));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.True(patience.MayWait("hub", TimeSpan.FromSeconds(30)));
        Assert.False(patience.MayWait("hub", TimeSpan.FromSeconds(31)));
        Assert.True(patience.MayWait("quay", TimeSpan.FromSeconds(60)));
        patience.Answered("hub");
        Assert.True(patience.MayWait("hub", TimeSpan.FromSeconds(60)));
    }

    [Theory]
    [InlineData("quay.io/a/b:1\n", false)]
    [InlineData("quay.io/a/b:1", false)]
    [InlineData("", true)]
    [InlineData("{\"ser", true)]
    public void A_file_of_somebody_elses_is_not_taken_for_a_journal(string content, bool taken)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("images.txt", content);
        var failure = Record.Exception(() => WarmJournal.Open(path, Server, PlatformChoice.Parse("all")).Dispose());
        Assert.Equal(taken, failure is null);
        Assert.True(taken || (failure is CommandFailedException && File.ReadAllText(path) == content));
    }

    [Fact]
    public void A_journal_speaks_only_of_its_server_and_platforms()
    {
        using var folder = new TemporaryFolder();
        var (path, image) = (folder.File("state"), Image("quay/a/b"));
        var platforms = PlatformChoice.Parse("linux/arm64,linux/amd64");
        using (var journal = WarmJournal.Open(path, Server, platforms))
        {
            Assert.False(journal.IsDone(image));
            journal.Add(image);
            journal.End(allWarm: false);
        }

        using (var same = WarmJournal.Open(path, Server, PlatformChoice.Parse("linux/amd64,linux/arm64")))
        {
            Assert.True(same.IsDone(image));
            Assert.False(same.IsDone(Image("quay/a/c")));
        }

        using (var elsewhere = WarmJournal.Open(path, new Uri("http://other.example.com"), platforms))
        {
            Assert.False(elsewhere.IsDone(image));
        }

        using var more = WarmJournal.Open(path, Server, PlatformChoice.Parse("all"));
        Assert.False(more.IsDone(image));
        more.End(allWarm: true);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_plan_has_each_image_once_however_it_is_spelt()
    {
        var set = new RuleSet(
            RegistryAddress.Parse("cache.example.com"),
            [new RewriteMapping(new RuleNames("docker-hub", "docker.io")), new RewriteMapping(new RuleNames("ghcr", "ghcr.io"), Enabled: false)],
            new RewriteOptions());
        var plan = WarmPlan.Make(
            new[] { "nginx", "docker.io/library/nginx:latest", "cache.example.com/docker-hub/library/nginx:latest", "bash@sha256:" + new string('a', 64), "ghcr.io/a/b:1", "$(IMAGE)" }
                .Select(text => new NamedImage(text, "list:1", TagComesLater: false)),
            set);
        Assert.Equal(
            [("docker-hub/library/bash", "sha256:" + new string('a', 64), "docker-hub"), ("docker-hub/library/nginx", "latest", "docker-hub")],
            plan.Images.Select(image => (image.Repository.ToString(), image.Name, image.Rule)));
        Assert.Equal(["$(IMAGE)", "ghcr.io/a/b:1"], plan.Others.Select(other => other.Reference));
        Assert.Contains("tier is not enabled", plan.Others[1].Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bars_show_what_is_pulled_and_are_gone_when_it_is_there()
    {
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = 120;
        var image = Image("quay/a/[b]");
        var result = await BarProgress.RunAsync(console, 2, async progress =>
        {
            progress.Begin(image);
            progress.Expect(image, 1000);
            progress.Received(image, 400);
            progress.Received(image, -400);
            progress.Received(image, 1000);
            await Task.Yield();
            progress.End(new WarmOutcome(image, null));
            return 7;
        });
        Assert.Equal(7, result);
        Assert.Contains("all images", text.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(15L << 30, "15 GiB")]
    public void Sizes_are_short(long bytes, string expected) => Assert.Equal(expected, Sizes.Text(bytes));

    private static WarmImage Image(string repository) =>
        new($"quay.io/{repository}:1", $"cache.example.com/{repository}:1", RepositoryName.Parse(repository.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal)), "1", "quay");
}
