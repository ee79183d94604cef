using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server;
using Millpond.Server.Operations;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Admission;

/// <summary>The listener of reviews beside the others, its certificate, and what is counted.</summary>
public sealed class AdmissionListenerTests
{
    [Fact]
    public async Task A_server_for_reviews_alone_has_no_other_listener()
    {
        await using var reviewer = await Reviewer.StartAsync();

        Assert.Empty(reviewer.Host.Server.Addresses);
        Assert.Equal("https", Assert.Single(reviewer.Host.Server.AdmissionAddresses).Scheme);
        Assert.NotEmpty((await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx")))).Patch);
    }

    [Fact]
    public async Task Reviews_are_answered_on_their_listener_only()
    {
        await using var reviewer = await Reviewer.StartAsync(options: new() { Configure = configuration => configuration with { Listen = [new("http://127.0.0.1:0")] } });
        var review = new StringContent(Reviewer.Review(Reviewer.Request(Pods.With("nginx"))).ToJsonString());

        using var answer = await reviewer.Host.Client.PostAsync(new Uri(reviewer.Host.Address, "/admit"), review, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Reviews_may_be_off()
    {
        await using var host = await MillpondHost.StartAsync([]);

        Assert.Empty(host.Server.AdmissionAddresses);
        Assert.False(Directory.Exists(Path.Join(host.DataFolder, "admission")));
    }

    [Fact]
    public async Task Every_review_is_counted_by_what_came_of_it()
    {
        await using var reviewer = await Reviewer.StartAsync(options: new() { Configure = configuration => configuration with { OperationsListen = [new("http://127.0.0.1:0")] } });
        await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx")));
        await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx", "quay.io/a/b")));
        await reviewer.AskAsync(Reviewer.Request(Pods.With("registry.other.example/a")));
        await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx"), space: "kube-system"));
        (await reviewer.PostAsync("{}")).Dispose();

        var metrics = await reviewer.Host.Client.GetStringAsync(
            new Uri(reviewer.Host.Server.OperationsAddresses[0], "/metrics"), TestContext.Current.CancellationToken);

        Assert.Equal(
            ["malformed 1", "namespace_excluded 1", "rewritten 2", "unchanged 1"],
            metrics.Split('\n').Where(line => line.StartsWith("millpond_reviews_total{", StringComparison.Ordinal))
                .Select(line => $"{line.Split("result=\"")[1].Split('"')[0]} {line.Split(' ')[1]}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Only_rules_of_the_chosen_tiers_rewrite()
    {
        await using var reviewer = await Reviewer.StartAsync(admission => admission with { Tiers = ["default", "harbor"] });
        var pod = Pods.With("quay.io/a/b", "nginx", "harbor.corp.example:8443/team-a/app");

        Assert.Equal(["cache.corp.example/quay/a/b", "nginx", "cache.corp.example/harbor/app"], Pods.Images(await reviewer.CreateAsync(pod)));
        Assert.Equal("containers/c1=tier-off", (await reviewer.AskAsync(Reviewer.Request(pod))).Audit("unchanged"));
    }

    [Fact]
    public async Task A_rule_made_through_the_API_rewrites_from_the_next_review_on_and_a_deleted_one_no_more()
    {
        await using var reviewer = await Reviewer.StartAsync(options: new() { Configure = configuration => configuration with { Listen = [new("http://127.0.0.1:0")] } });
        var root = AwsClient.Root(reviewer.Host);
        var pod = Pods.With("mcr.microsoft.com/dotnet/sdk:10.0");
        Assert.Equal(["mcr.microsoft.com/dotnet/sdk:10.0"], Pods.Images(await reviewer.CreateAsync(pod)));

        Assert.Equal(200, (await root.EcrAsync("CreatePullThroughCacheRule", """{"ecrRepositoryPrefix":"mcr","upstreamRegistryUrl":"mcr.microsoft.com"}""")).Status);
        Assert.Equal([$"{Reviewer.Registry}/mcr/dotnet/sdk:10.0"], Pods.Images(await reviewer.CreateAsync(pod)));
        await reviewer.Host.RestartAsync();
        Assert.Equal([$"{Reviewer.Registry}/mcr/dotnet/sdk:10.0"], Pods.Images(await reviewer.CreateAsync(pod)));
        root = root with { Address = reviewer.Host.Address };
        Assert.Equal(200, (await root.EcrAsync("DeletePullThroughCacheRule", """{"ecrRepositoryPrefix":"mcr"}""")).Status);
        Assert.Equal(["mcr.microsoft.com/dotnet/sdk:10.0"], Pods.Images(await reviewer.CreateAsync(pod)));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_given_certificate_is_served_and_its_renewal_too(string version)
    {
        using var authority = new TestCertificates();
        using var folder = new TemporaryFolder();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var (certificate, key) = authority.IssueFiles(folder, "tls");
        await using var reviewer = await Reviewer.StartAsync(admission => admission with { Tls = new(certificate, key) }, new() { Time = time });
        var first = await reviewer.ServedSerialAsync(authority.AuthorityPem, version);
        authority.IssueFiles(folder, "tls");
        time.Advance(CertificateReloader.Period);

        Assert.NotEqual(first, await reviewer.ServedSerialAsync(authority.AuthorityPem, version));
        Assert.False(Directory.Exists(Path.Join(reviewer.Host.DataFolder, "admission")));
    }

    [Fact]
    public async Task A_client_certificate_can_be_demanded_and_its_authority_changed()
    {
        using var authority = new TestCertificates();
        using var other = new TestCertificates();
        using var folder = new TemporaryFolder();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var trusted = folder.Write("clients.pem", authority.AuthorityPem);
        await using var reviewer = await Reviewer.StartAsync(admission => admission with { ClientAuthority = trusted }, new() { Time = time, AllowErrors = true });

        using (var none = await reviewer.PostAsync(Reviewer.Review(Reviewer.Request(Pods.With("nginx"))).ToJsonString()))
        {
            Assert.Equal(HttpStatusCode.Forbidden, none.StatusCode);
            Assert.Contains("admission.clientCa", await none.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(200, await reviewer.StatusOfAsync(authority.Issue()));
        Assert.Null(await reviewer.StatusOfAsync(other.Issue()));

        folder.Write("clients.pem", other.AuthorityPem);
        time.Advance(CertificateReloader.Period);
        Assert.Null(await reviewer.StatusOfAsync(authority.Issue()));
        Assert.Equal(200, await reviewer.StatusOfAsync(other.Issue()));
        folder.Write("clients.pem", "nonsense");
        time.Advance(CertificateReloader.Period);
        Assert.Equal(200, await reviewer.StatusOfAsync(other.Issue()));
    }

    [Fact]
    public async Task An_authority_that_cannot_be_read_is_told_as_a_reason_not_to_start()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data/admission"));
        folder.Write("data/admission/authority.pem", "nonsense");

        var refused = await Assert.ThrowsAsync<ServerStartException>(() => Reviewer.StartAsync(options: new() { Data = folder }));

        Assert.Contains("authority.pem", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_review_writes_nothing_of_a_pod_into_the_log()
    {
        await using var reviewer = await Reviewer.StartAsync();
        var before = reviewer.Host.Log.Lines.Count;
        await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx")));

        Assert.DoesNotContain(reviewer.Host.Log.Lines.Skip(before), line => line.Level >= LogLevel.Information);
    }
}
