using System.Text.Json;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>Rules made through the API: how they are told, and what is pulled by them.</summary>
public sealed class CacheRuleTests
{
    private static readonly MillpondHostOptions Token = new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } };

    [Fact]
    public async Task A_rule_is_made_used_told_and_deleted()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(1);
        upstream.Add("app", image, "1");
        upstream.Add("late", TestImages.OnePlatform(2), "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("fixed", upstream)], Token);
        var root = AwsClient.Root(host);
        var made = await root.EcrAsync("CreatePullThroughCacheRule", $$"""{"ecrRepositoryPrefix":"made","upstreamRegistryUrl":"{{upstream.Address.GetLeftPart(UriPartial.Authority)}}"}""");
        Assert.True(made.Status == 200, made.Text);
        Assert.Equal(["ecrRepositoryPrefix", "upstreamRegistryUrl", "registryId", "createdAt"], made.Json.AsObject().Select(member => member.Key));
        Assert.Equal("PullThroughCacheRuleAlreadyExistsException", (await CreateAsync(root, "made", upstream)).Type);
        Assert.Equal("PullThroughCacheRuleAlreadyExistsException", (await CreateAsync(root, "fixed", upstream)).Type);

        var login = await root.LoginAsync();
        Assert.Equal(200, await StatusAsync(host, login, "/v2/made/app/manifests/1"));
        Assert.Equal(401, await StatusAsync(host, null, "/v2/made/app/manifests/1"));
        var told = (await root.EcrAsync("DescribePullThroughCacheRules")).Json["pullThroughCacheRules"]!.AsArray();
        Assert.Equal(["fixed", "made"], told.Select(rule => (string)rule!["ecrRepositoryPrefix"]!));
        Assert.Equal("PullThroughCacheRuleNotFoundException", (await root.EcrAsync("DescribePullThroughCacheRules", """{"ecrRepositoryPrefixes":["none"]}""")).Type);
        Assert.True((bool)(await root.EcrAsync("ValidatePullThroughCacheRule", """{"ecrRepositoryPrefix":"made"}""")).Json["isValid"]!);

        await host.RestartAsync();
        root = root with { Address = host.Address };
        Assert.Equal(200, await StatusAsync(host, login, "/v2/made/app/manifests/1"));
        Assert.Equal("InvalidParameterException", (await root.EcrAsync("DeletePullThroughCacheRule", """{"ecrRepositoryPrefix":"fixed"}""")).Type);
        Assert.Equal(200, (await root.EcrAsync("DeletePullThroughCacheRule", """{"ecrRepositoryPrefix":"made"}""")).Status);
        Assert.Equal("PullThroughCacheRuleNotFoundException", (await root.EcrAsync("DeletePullThroughCacheRule", """{"ecrRepositoryPrefix":"made"}""")).Type);

        // What is here stays, and upstream is asked no more.
        upstream.ClearRequests();
        Assert.Equal(200, await StatusAsync(host, login, "/v2/made/app/manifests/1"));
        Assert.Equal(404, await StatusAsync(host, login, "/v2/made/late/manifests/1"));
        Assert.Equal(401, await StatusAsync(host, null, "/v2/made/app/manifests/1"));
        Assert.Equal(403, await StatusAsync(host, login, "/v2/made/app/blobs/uploads/", HttpMethod.Post));
        upstream.AssertNoRequests();
        Assert.Equal(200, (await root.EcrAsync("DeleteRepository", """{"repositoryName":"made/app","force":true}""")).Status);
        Assert.Equal(404, await StatusAsync(host, login, "/v2/made/app/manifests/1"));
    }

    [Fact]
    public async Task A_secret_is_sent_nowhere_by_who_may_not_read_it()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var secret = (string)(await root.SecretsAsync("CreateSecret", """{"Name":"ecr-pullthroughcache/a","SecretString":"{}"}""")).Json["ARN"]!;
        var user = await root.PrincipalAsync("arn:aws:iam::111111111111:user/user", "FullAccess");
        var url = upstream.Address.GetLeftPart(UriPartial.Authority);
        var evil = JsonSerializer.Serialize(new { ecrRepositoryPrefix = "evil", upstreamRegistryUrl = url, credentialArn = secret });
        Assert.Equal("UnableToAccessSecretException", (await user.EcrAsync("CreatePullThroughCacheRule", evil)).Type);
        Assert.Equal(200, (await user.EcrAsync("CreatePullThroughCacheRule", JsonSerializer.Serialize(new { ecrRepositoryPrefix = "late", upstreamRegistryUrl = url }))).Status);
        Assert.Equal("UnableToAccessSecretException", (await user.EcrAsync("UpdatePullThroughCacheRule", JsonSerializer.Serialize(new { ecrRepositoryPrefix = "late", credentialArn = secret }))).Type);
        var hub = JsonSerializer.Serialize(new { ecrRepositoryPrefix = "hub", upstreamRegistryUrl = "registry-1.docker.io", credentialArn = secret });
        Assert.Equal(200, (await user.EcrAsync("CreatePullThroughCacheRule", hub)).Status);
        Assert.Equal(200, (await root.EcrAsync("CreatePullThroughCacheRule", evil)).Status);
    }

    [Fact]
    public async Task A_rule_with_a_secret_pulls_with_it_and_for_nobody_unknown()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Basic });
        upstream.Add("library/app", TestImages.OnePlatform(1), "1");
        upstream.Add("library/other", TestImages.OnePlatform(2), "1");
        await using var host = await MillpondHost.StartAsync([], new() { Configure = configuration => configuration with { Ecr = new("111111111111", "eu-west-1") } });
        var root = AwsClient.Root(host);
        var (user, password) = upstream.Credential;
        var secret = await root.SecretsAsync(
            "CreateSecret", JsonSerializer.Serialize(new { Name = "ecr-pullthroughcache/hub", SecretString = JsonSerializer.Serialize(new { username = user, accessToken = "wrong" }) }));
        var arn = (string)secret.Json["ARN"]!;
        var made = await root.EcrAsync(
            "CreatePullThroughCacheRule",
            JsonSerializer.Serialize(new { ecrRepositoryPrefix = "hub", upstreamRegistryUrl = upstream.Address.GetLeftPart(UriPartial.Authority), credentialArn = arn }));
        Assert.Equal(arn, (string)made.Json["credentialArn"]!);
        var login = await root.LoginAsync();
        var wrong = await root.EcrAsync("ValidatePullThroughCacheRule", """{"ecrRepositoryPrefix":"hub"}""");
        Assert.False((bool)wrong.Json["isValid"]!, wrong.Text);
        Assert.DoesNotContain("wrong", (string)wrong.Json["failure"]!, StringComparison.Ordinal);
        Assert.Equal(502, await StatusAsync(host, login, "/v2/hub/library/app/manifests/1"));

        var right = JsonSerializer.Serialize(new { username = user, accessToken = password });
        Assert.Equal(200, (await root.SecretsAsync("PutSecretValue", JsonSerializer.Serialize(new { SecretId = arn, SecretString = right }))).Status);
        Assert.Equal(200, await StatusAsync(host, login, "/v2/hub/library/app/manifests/1"));
        Assert.Equal(401, await StatusAsync(host, null, "/v2/hub/library/app/manifests/1"));
        Assert.Equal(401, await StatusAsync(host, null, "/v2/"));
        Assert.True((bool)(await root.EcrAsync("ValidatePullThroughCacheRule", """{"ecrRepositoryPrefix":"hub"}""")).Json["isValid"]!);
    }

    [Theory]
    [InlineData("""{"ecrRepositoryPrefix":"xx","upstreamRegistryUrl":"not a host"}""", "UnsupportedUpstreamRegistryException", "The upstream registry URL not a host is invalid. Specify a valid upstream registry URL and try again")]
    [InlineData("""{"ecrRepositoryPrefix":"xx","upstreamRegistryUrl":"registry-1.docker.io"}""", "UnsupportedUpstreamRegistryException", "The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN and try again")]
    [InlineData("""{"ecrRepositoryPrefix":"xx","upstreamRegistryUrl":"quay.io","upstreamRegistry":"k8s"}""", "UnsupportedUpstreamRegistryException", "The upstream registry URL quay.io is invalid. Specify a valid upstream registry URL and try again")]
    [InlineData("""{"ecrRepositoryPrefix":"xx","upstreamRegistryUrl":"ghcr.io","credentialArn":"arn:aws:secretsmanager:eu-west-1:111111111111:secret:ecr-pullthroughcache/none-abcdef"}""", "SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not found")]
    [InlineData("""{"ecrRepositoryPrefix":"X","upstreamRegistryUrl":"quay.io"}""", "InvalidParameterException", null)]
    [InlineData("""{"ecrRepositoryPrefix":"ROOT","upstreamRegistryUrl":"quay.io","upstreamRepositoryPrefix":"a1"}""", "InvalidParameterException", null)]
    public async Task What_is_wrong_with_a_rule_is_told_as_on_aws(string input, string type, string? message)
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var answer = await AwsClient.Root(host).EcrAsync("CreatePullThroughCacheRule", input);
        Assert.Equal((400, type), (answer.Status, answer.Type));
        Assert.Equal(message ?? answer.Message, answer.Message);
    }

    [Fact]
    public async Task An_update_wants_something_to_update()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        Assert.Equal(200, (await root.EcrAsync("CreatePullThroughCacheRule", """{"ecrRepositoryPrefix":"x1/","upstreamRegistryUrl":"quay.io","upstreamRepositoryPrefix":"ROOT"}""")).Status);
        Assert.Equal(
            "Invalid input: Please set either credential arn or role arn to update the credentials",
            (await root.EcrAsync("UpdatePullThroughCacheRule", """{"ecrRepositoryPrefix":"x1"}""")).Message);
        var rule = (await root.EcrAsync("DescribePullThroughCacheRules", """{"ecrRepositoryPrefixes":["x1"]}""")).Json["pullThroughCacheRules"]![0]!;
        Assert.Equal(("x1/", "ROOT", "quay"), ((string)rule["ecrRepositoryPrefix"]!, (string)rule["upstreamRepositoryPrefix"]!, (string)rule["upstreamRegistry"]!));
    }

    private static Task<AwsAnswer> CreateAsync(AwsClient client, string prefix, FakeUpstream upstream) => client.EcrAsync(
        "CreatePullThroughCacheRule", $$"""{"ecrRepositoryPrefix":"{{prefix}}","upstreamRegistryUrl":"{{upstream.Address.GetLeftPart(UriPartial.Authority)}}"}""");

    private static async Task<int> StatusAsync(MillpondHost host, string? authorization, string path, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(host.Address, path));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var response = await host.Client.SendAsync(request);
        return (int)response.StatusCode;
    }
}
