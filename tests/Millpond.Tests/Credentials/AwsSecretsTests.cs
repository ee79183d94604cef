using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Credentials;

/// <summary>Secrets of AWS's Secrets Manager, for which another Millpond stands in: it checks signatures as AWS does.</summary>
public sealed class AwsSecretsTests
{
    private const string Name = "ecr-pullthroughcache/hub";

    [Fact]
    public async Task A_rotation_is_picked_up_when_the_upstream_refuses_what_is_held()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Basic });
        upstream.Add("library/app", TestImages.OnePlatform(1), "1");
        upstream.Add("library/app", TestImages.OnePlatform(2), "2");
        await using var world = await World.StartAsync();
        await world.PutAsync(upstream.Credential.Username, upstream.Credential.Password);
        await using var host = await world.CacheAsync(upstream);

        Assert.Equal(200, await StatusAsync(host, "1"));
        var (user, old) = upstream.Credential;
        upstream.Credential = (user, old + "-rotated");
        await world.PutAsync(user, old + "-rotated");
        world.Clock.Advance(AwsSecrets.AskedAgainAfter);
        Assert.Equal(200, await StatusAsync(host, "2"));
        Assert.DoesNotContain(host.Log.Lines, line => line.ToString().Contains(old, StringComparison.Ordinal));
    }

    [Fact]
    public async Task While_AWS_does_not_answer_the_last_value_is_used_and_for_a_day_at_most()
    {
        await using var world = await World.StartAsync();
        await world.PutAsync("user", "token");
        using var secrets = world.Secrets();
        Assert.Contains("token", await secrets.GetAsync(world.Arn, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await world.Aws.DisposeAsync();
        world.Clock.Advance(AwsSecrets.FreshFor);
        Assert.Contains("token", await secrets.GetAsync(world.Arn, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await secrets.RenewAsync(world.Arn, TestContext.Current.CancellationToken);
        Assert.NotNull(secrets.Find(world.Arn));
        world.Clock.Advance(AwsSecrets.UsedFor);
        Assert.Null(secrets.Find(world.Arn));
        var failure = await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await secrets.GetAsync(world.Arn, TestContext.Current.CancellationToken));
        Assert.DoesNotContain("token", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_AWS_says_of_a_secret_holds_at_once()
    {
        await using var world = await World.StartAsync();
        await world.PutAsync("user", "token");
        using var secrets = world.Secrets();
        await secrets.GetAsync(world.Arn, TestContext.Current.CancellationToken);
        Assert.Equal(200, (await world.Root.SecretsAsync("DeleteSecret", $$"""{"SecretId":"{{Name}}"}""")).Status);
        Assert.Equal(AwsSecretOutcome.Absent, await secrets.CheckAsync(world.Arn, TestContext.Current.CancellationToken));
        Assert.Null(secrets.Find(world.Arn));
        Assert.Equal(AwsSecretOutcome.Absent, await secrets.CheckAsync(world.Arn[..^6] + "abcdef", TestContext.Current.CancellationToken));
        using var wrong = world.Secrets(secret: "wrong");
        Assert.Equal(AwsSecretOutcome.Refused, await wrong.CheckAsync(world.Arn, TestContext.Current.CancellationToken));
        using var none = new AwsSecrets(world.Aws.Address, _ => null, world.Clock, NullLogger<AwsSecrets>.Instance);
        Assert.Equal(AwsSecretOutcome.Refused, await none.CheckAsync(world.Arn, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Many_who_need_it_ask_once()
    {
        await using var world = await World.StartAsync();
        await world.PutAsync("user", "token");
        using var secrets = world.Secrets();
        var before = world.Reads;
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => secrets.GetAsync(world.Arn, TestContext.Current.CancellationToken).AsTask()));
        Assert.Equal(before + 1, world.Reads);
    }

    [Fact]
    public async Task A_rule_made_through_the_API_may_name_one_where_the_configuration_says_so()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Basic });
        upstream.Add("library/app", TestImages.OnePlatform(1), "1");
        await using var world = await World.StartAsync();
        await world.PutAsync(upstream.Credential.Username, upstream.Credential.Password);
        foreach (var isOn in (bool[])[false, true])
        {
            await using var host = await MillpondHost.StartAsync([], new()
            {
                Time = world.Clock,
                Configure = configuration => configuration with { Access = AccessMode.Token, AwsSecrets = world.Configured(isOn) },
            });
            var root = AwsClient.Root(host, world.Clock);
            var rule = JsonSerializer.Serialize(new { ecrRepositoryPrefix = "hub", upstreamRegistryUrl = upstream.Address.GetLeftPart(UriPartial.Authority), credentialArn = world.Arn });
            var made = await root.EcrAsync("CreatePullThroughCacheRule", rule);
            Assert.Equal(isOn ? "ok" : "SecretNotFoundException", made.Type);
            if (!isOn)
            {
                continue;
            }

            Assert.Equal("SecretNotFoundException", (await root.EcrAsync("CreatePullThroughCacheRule", rule.Replace("\"hub\"", "\"no\"", StringComparison.Ordinal).Replace(world.Arn, world.Arn + "x", StringComparison.Ordinal))).Type);
            var user = await root.PrincipalAsync("arn:aws:iam::000000000000:user/user", "FullAccess");
            Assert.Equal("UnableToAccessSecretException", (await user.EcrAsync("CreatePullThroughCacheRule", rule.Replace("\"hub\"", "\"no\"", StringComparison.Ordinal))).Type);
            var login = await root.LoginAsync();
            Assert.Equal(200, await StatusAsync(host, "1", login));
            await host.RestartAsync();
            Assert.Equal(200, await StatusAsync(host, "1", login));
            Assert.Equal(world.Arn, (string)(await (root with { Address = host.Address }).EcrAsync("DescribePullThroughCacheRules")).Json["pullThroughCacheRules"]![0]!["credentialArn"]!);
        }
    }

    private static async Task<int> StatusAsync(MillpondHost host, string tag, string? login = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, $"/v2/hub/library/app/manifests/{tag}"));
        request.Headers.TryAddWithoutValidation("Authorization", login);
        using var response = await host.Client.SendAsync(request);
        return (int)response.StatusCode;
    }

    /// <summary>A Millpond that stands for AWS, and the key to it.</summary>
    private sealed class World(MillpondHost aws, AwsClient root, FakeTimeProvider clock) : IAsyncDisposable
    {
        public MillpondHost Aws => aws;

        public AwsClient Root => root;

        public FakeTimeProvider Clock => clock;

        public string Arn { get; private set; } = "";

        public int Reads => aws.Log.Lines.Count(line => line.Message.Contains("secretsmanager:GetSecretValue", StringComparison.Ordinal));

        public static async Task<World> StartAsync()
        {
            var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
            var aws = await MillpondHost.StartAsync([], new() { Time = clock, Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("999999999999", "eu-west-1") } });
            return new(aws, AwsClient.Root(aws, clock), clock);
        }

        public async Task PutAsync(string username, string accessToken)
        {
            var text = JsonSerializer.Serialize(new { username, accessToken });
            var answer = Arn.Length == 0
                ? await root.SecretsAsync("CreateSecret", JsonSerializer.Serialize(new { Name, SecretString = text }))
                : await root.SecretsAsync("PutSecretValue", JsonSerializer.Serialize(new { SecretId = Name, SecretString = text }));
            Assert.True(answer.Status == 200, answer.Text);
            Arn = (string)answer.Json["ARN"]!;
        }

        public AwsSecrets Secrets(string? secret = null) => new(
            aws.Address, name => name switch { "AWS_ACCESS_KEY_ID" => root.KeyId, "AWS_SECRET_ACCESS_KEY" => secret ?? root.Secret, _ => null }, clock, NullLogger<AwsSecrets>.Instance);

        public AwsSecretsConfiguration Configured(bool isForRules) => new(isForRules, aws.Address, Path.Join(aws.DataFolder, "root-credentials"));

        /// <summary>A cache with a rule of the configuration.</summary>
        public Task<MillpondHost> CacheAsync(FakeUpstream upstream) => MillpondHost.StartAsync(
                [MillpondHost.Rule("hub", upstream) with { Credential = new(null, null, null, AwsSecretArn: Arn) }],
                new() { Time = clock, Configure = configuration => configuration with { AwsSecrets = Configured(false) } });

        public ValueTask DisposeAsync() => aws.DisposeAsync();
    }
}
