using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Links, tags and lists belong to an upstream, its prefix and a credential: a rule that points elsewhere knows none of them.</summary>
public sealed class OriginTests : IAsyncLifetime, IDisposable
{
    private readonly TestImage image = TestImages.OnePlatform(seed: 740);
    private readonly TemporaryFolder data = new();
    private readonly TemporaryFolder secrets = new();
    private FakeUpstream secret = null!;
    private FakeUpstream open = null!;

    private string CredentialFile => secrets.File("credential.json");

    public async ValueTask InitializeAsync()
    {
        secret = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Basic });
        open = await FakeUpstream.StartAsync();
        secret.Add("team/app", image, "1");
        secret.Add("team/app", TestImages.Artifact("application/spdx+json", image.Manifest));
        await WriteCredentialAsync("alice", "secret-of-alice");
    }

    public async ValueTask DisposeAsync()
    {
        await secret.DisposeAsync();
        await open.DisposeAsync();
    }

    public void Dispose()
    {
        data.Dispose();
        secrets.Dispose();
    }

    [Fact]
    public async Task A_prefix_that_points_to_another_upstream_serves_nothing_of_the_old_one()
    {
        await PullPrivateAsync();
        await using var host = await StartAsync(MillpondHost.Rule("up", open));
        foreach (var path in new[]
        {
            "/v2/up/team/app/manifests/1", $"/v2/up/team/app/manifests/{image.Digest}", $"/v2/up/team/app/blobs/{image.Layer.Digest}",
            $"/v2/up/team/app/blobs/{image.Blobs[0].Digest}", "/v2/up/team/app/tags/list",
        })
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
            {
                using var request = new HttpRequestMessage(method, new Uri(host.Address, path));
                using var answer = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
                Assert.Equal((path, HttpStatusCode.NotFound), (path, answer.StatusCode));
            }
        }

        Assert.DoesNotContain("sha256", await TextAsync(host, $"/v2/up/team/app/referrers/{image.Digest}"), StringComparison.Ordinal);
        Assert.DoesNotContain("team/app", await TextAsync(host, "/v2/_catalog"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_of_the_same_content_costs_a_proof_for_each_digest_and_no_body()
    {
        await PullPrivateAsync();
        open.Add("team/app", image, "1");
        await using var host = await StartAsync(MillpondHost.Rule("up", open));
        await host.PullAsync("up/team/app", image);
        Assert.InRange(open.Requests().Count, 1, 1 + image.Blobs.Count);
        Assert.InRange(image.Blobs.Sum(blob => open.BytesSentOf(blob.Digest)), 0, 64 * image.Blobs.Count);

        open.ClearRequests();
        await host.PullAsync("up/team/app", image);
        open.AssertNoRequests();

        // And back: what was proved there holds still.
        await host.DisposeAsync();
        secret.ClearRequests();
        await using var back = await StartAsync(Private());
        await back.PullAsync("up/team/app", image, "1");
        secret.AssertNoRequests();
    }

    [Fact]
    public async Task A_renewed_password_is_no_new_origin_and_another_user_is_one()
    {
        await PullPrivateAsync();
        secret.ClearRequests();
        await WriteCredentialAsync("alice", "renewed");
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var host = await StartAsync(Private(), time);
        await host.PullAsync("up/team/app", image, "1");
        secret.AssertNoRequests();

        // Under the running server; and a file that is gone for a while is whose it was.
        File.Delete(CredentialFile);
        time.Advance(TimeSpan.FromMinutes(1));
        await host.PullAsync("up/team/app", image, "1");
        await WriteCredentialAsync("mallory", "wrong");
        time.Advance(TimeSpan.FromMinutes(1));
        using var refused = await host.ManifestAsync("up/team/app", "1");
        Assert.False(refused.IsSuccessStatusCode);
        using var blob = await host.BlobAsync("up/team/app", image.Layer.Digest);
        Assert.False(blob.IsSuccessStatusCode);
    }

    [Fact]
    public async Task A_start_without_the_credentials_file_serves_what_was_pulled_with_it()
    {
        await PullPrivateAsync();
        File.Delete(CredentialFile);
        secret.GoDown();
        await using var host = await StartAsync(Private());
        await host.PullAsync("up/team/app", image, "1");
    }

    private PullThroughRule Private() =>
        MillpondHost.Rule("up", secret) with { Credential = new CredentialSource(CredentialFile, null, null), Allow = ["**"] };

    private async Task PullPrivateAsync()
    {
        await using var host = await StartAsync(Private());
        await host.PullAsync("up/team/app", image, "1");
        Assert.Contains("\"1\"", await TextAsync(host, "/v2/up/team/app/tags/list"), StringComparison.Ordinal);
        Assert.Contains("spdx", await TextAsync(host, $"/v2/up/team/app/referrers/{image.Digest}"), StringComparison.Ordinal);
    }

    private Task<MillpondHost> StartAsync(PullThroughRule rule, TimeProvider? time = null) =>
        MillpondHost.StartAsync([rule], new() { Data = data, Time = time ?? TimeProvider.System });

    private Task WriteCredentialAsync(string user, string token) =>
        File.WriteAllTextAsync(CredentialFile, $$"""{"username":"{{user}}","accessToken":"{{token}}"}""");

    private static Task<string> TextAsync(MillpondHost host, string path) => host.Client.GetStringAsync(new Uri(host.Address, path));
}
