using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>
/// The calls that Terraform's provider makes for each of its resources and data sources, in their order, and what it reads back: a plan after an
/// apply must find nothing to change, and a destroyed resource must be gone at once. Repositories and rules are in their own tests.
/// </summary>
public sealed class TerraformReplayTests
{
    private const string Account = "111111111111";
    private const string Lifecycle = """{"rules":[{"rulePriority":1,"description":"keep the last thirty images and no more than that","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":30},"action":{"type":"expire"}}]}""";
    private const string Policy = """{"Version":"2012-10-17","Statement":[{"Sid":"new statement","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}""";

    private static readonly MillpondHostOptions Token = new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new(Account, "eu-west-1") } };

    [Fact]
    public async Task Aws_ecr_repository_creation_template()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var created = await OkAsync(root.EcrAsync("CreateRepositoryCreationTemplate", new JsonObject
        {
            ["prefix"] = "test",
            ["appliedFor"] = new JsonArray("CREATE_ON_PUSH", "PULL_THROUGH_CACHE"),
            ["customRoleArn"] = $"arn:aws:iam::{Account}:role/example",
            ["description"] = "An example template",
            ["encryptionConfiguration"] = new JsonObject { ["encryptionType"] = "AES256" },
            ["imageTagMutability"] = "IMMUTABLE_WITH_EXCLUSION",
            ["imageTagMutabilityExclusionFilters"] = new JsonArray(Filter("latest*"), Filter("dev-*")),
            ["lifecyclePolicy"] = Lifecycle,
            ["repositoryPolicy"] = Policy,
            ["resourceTags"] = new JsonArray(new JsonObject { ["Key"] = "Foo", ["Value"] = "Bar" }),
        }.ToJsonString()));
        Assert.Equal("test", (string)created["repositoryCreationTemplate"]!["prefix"]!);

        var page = await OkAsync(root.EcrAsync("DescribeRepositoryCreationTemplates", """{"prefixes":["test"]}"""));
        Assert.Equal(Account, (string)page["registryId"]!);
        var read = Assert.Single(page["repositoryCreationTemplates"]!.AsArray())!;
        Assert.Equal(["CREATE_ON_PUSH", "PULL_THROUGH_CACHE"], read["appliedFor"]!.AsArray().Select(one => (string)one!).Order(StringComparer.Ordinal));
        Assert.Equal(($"arn:aws:iam::{Account}:role/example", "An example template"), ((string)read["customRoleArn"]!, (string)read["description"]!));
        Assert.Equal(("AES256", "IMMUTABLE_WITH_EXCLUSION"), ((string)read["encryptionConfiguration"]!["encryptionType"]!, (string)read["imageTagMutability"]!));
        Assert.Equal(["latest*", "dev-*"], read["imageTagMutabilityExclusionFilters"]!.AsArray().Select(filter => (string)filter!["filter"]!));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Lifecycle), JsonNode.Parse((string)read["lifecyclePolicy"]!)));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Policy), JsonNode.Parse((string)read["repositoryPolicy"]!)));
        Assert.Equal("Bar", (string)read["resourceTags"]![0]!["Value"]!);

        // Only what has changed is sent.
        await OkAsync(root.EcrAsync("UpdateRepositoryCreationTemplate", """{"prefix":"test","imageTagMutability":"MUTABLE"}"""));
        read = (await OkAsync(root.EcrAsync("DescribeRepositoryCreationTemplates", """{"prefixes":["test"]}""")))["repositoryCreationTemplates"]![0]!;
        Assert.Equal(("MUTABLE", "An example template"), ((string)read["imageTagMutability"]!, (string)read["description"]!));
        Assert.Null(read["imageTagMutabilityExclusionFilters"]);
        await OkAsync(root.EcrAsync("DeleteRepositoryCreationTemplate", """{"prefix":"test"}"""));
        Assert.Empty((await OkAsync(root.EcrAsync("DescribeRepositoryCreationTemplates", """{"prefixes":["test"]}""")))["repositoryCreationTemplates"]!.AsArray());

        // Nothing is said but the prefix: what Terraform computes is there.
        await OkAsync(root.EcrAsync("CreateRepositoryCreationTemplate", """{"prefix":"ROOT","appliedFor":["PULL_THROUGH_CACHE"]}"""));
        read = (await OkAsync(root.EcrAsync("DescribeRepositoryCreationTemplates", """{"prefixes":["ROOT"]}""")))["repositoryCreationTemplates"]![0]!;
        Assert.Equal("MUTABLE", (string)read["imageTagMutability"]!);
        Assert.Null(read["lifecyclePolicy"]);
        await OkAsync(root.EcrAsync("DeleteRepositoryCreationTemplate", """{"prefix":"ROOT"}"""));
        Assert.Empty((await OkAsync(root.EcrAsync("DescribeRepositoryCreationTemplates", """{"prefixes":["ROOT"]}""")))["repositoryCreationTemplates"]!.AsArray());
    }

    [Fact]
    public async Task Aws_ecr_lifecycle_policy()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        await OkAsync(root.EcrAsync("CreateRepository", """{"repositoryName":"app"}"""));
        var put = await OkAsync(root.EcrAsync("PutLifecyclePolicy", JsonSerializer.Serialize(new { repositoryName = "app", lifecyclePolicyText = Lifecycle })));
        Assert.Equal(("app", Account), ((string)put["repositoryName"]!, (string)put["registryId"]!));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Lifecycle), JsonNode.Parse((string)(await OkAsync(root.EcrAsync("GetLifecyclePolicy", """{"repositoryName":"app"}""")))["lifecyclePolicyText"]!)));
        await OkAsync(root.EcrAsync("DeleteLifecyclePolicy", $$"""{"repositoryName":"app","registryId":"{{Account}}"}"""));
        Assert.Equal("LifecyclePolicyNotFoundException", (await root.EcrAsync("GetLifecyclePolicy", """{"repositoryName":"app"}""")).Type);
        Assert.Equal("RepositoryNotFoundException", (await root.EcrAsync("GetLifecyclePolicy", """{"repositoryName":"none"}""")).Type);
    }

    [Fact]
    public async Task Aws_ecr_repository_policy()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        await OkAsync(root.EcrAsync("CreateRepository", """{"repositoryName":"app"}"""));
        await OkAsync(root.EcrAsync("SetRepositoryPolicy", JsonSerializer.Serialize(new { repositoryName = "app", policyText = Policy })));
        var read = await OkAsync(root.EcrAsync("GetRepositoryPolicy", """{"repositoryName":"app"}"""));
        Assert.Equal((Account, "app", Policy), ((string)read["registryId"]!, (string)read["repositoryName"]!, (string)read["policyText"]!));

        // A text that is wrong must not be taken for a principal that is still to come: that is tried again for minutes.
        var wrong = await root.EcrAsync("SetRepositoryPolicy", JsonSerializer.Serialize(new { repositoryName = "app", policyText = """{"Statement":7}""" }));
        Assert.Equal("InvalidParameterException", wrong.Type);
        Assert.DoesNotContain("Invalid repository policy provided", wrong.Message, StringComparison.Ordinal);
        await OkAsync(root.EcrAsync("DeleteRepositoryPolicy", $$"""{"repositoryName":"app","registryId":"{{Account}}"}"""));
        Assert.Equal("RepositoryPolicyNotFoundException", (await root.EcrAsync("GetRepositoryPolicy", """{"repositoryName":"app"}""")).Type);
        Assert.Equal("RepositoryNotFoundException", (await root.EcrAsync("GetRepositoryPolicy", """{"repositoryName":"none"}""")).Type);
    }

    [Fact]
    public async Task Aws_ecr_registry_policy()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var text = $$"""{"Version":"2012-10-17","Statement":[{"Sid":"testpolicy","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["ecr:ReplicateImage"],"Resource":["arn:aws:ecr:eu-west-1:{{Account}}:repository/*"]}]}""";
        Assert.Equal(Account, (string)(await OkAsync(root.EcrAsync("PutRegistryPolicy", JsonSerializer.Serialize(new { policyText = text }))))["registryId"]!);
        var read = await OkAsync(root.EcrAsync("GetRegistryPolicy"));
        Assert.Equal((Account, text), ((string)read["registryId"]!, (string)read["policyText"]!));
        await OkAsync(root.EcrAsync("DeleteRegistryPolicy"));
        Assert.Equal("RegistryPolicyNotFoundException", (await root.EcrAsync("GetRegistryPolicy")).Type);
    }

    [Fact]
    public async Task Aws_ecr_registry_scanning_configuration()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var rules = new JsonArray(
            new JsonObject { ["scanFrequency"] = "SCAN_ON_PUSH", ["repositoryFilters"] = new JsonArray(Filter("example")) },
            new JsonObject { ["scanFrequency"] = "CONTINUOUS_SCAN", ["repositoryFilters"] = new JsonArray(Filter("*")) });
        await OkAsync(root.EcrAsync("PutRegistryScanningConfiguration", new JsonObject { ["scanType"] = "ENHANCED", ["rules"] = rules.DeepClone() }.ToJsonString()));
        var read = await OkAsync(root.EcrAsync("GetRegistryScanningConfiguration"));
        Assert.Equal((Account, "ENHANCED"), ((string)read["registryId"]!, (string)read["scanningConfiguration"]!["scanType"]!));
        Assert.True(JsonNode.DeepEquals(rules, read["scanningConfiguration"]!["rules"]), read.ToJsonString());

        // Destroyed, it is what a new registry has.
        await OkAsync(root.EcrAsync("PutRegistryScanningConfiguration", """{"scanType":"BASIC","rules":[]}"""));
        Assert.Empty((await OkAsync(root.EcrAsync("GetRegistryScanningConfiguration")))["scanningConfiguration"]!["rules"]!.AsArray());
    }

    [Theory]
    [InlineData("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE")]
    [InlineData("BASIC_SCAN_TYPE_VERSION", "CLAIR")]
    [InlineData("REGISTRY_POLICY_SCOPE", "V1")]
    [InlineData("REGISTRY_POLICY_SCOPE", "V2")]
    [InlineData("BLOB_MOUNTING", "ENABLED")]
    public async Task Aws_ecr_account_setting(string name, string value)
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        await OkAsync(root.EcrAsync("PutAccountSetting", JsonSerializer.Serialize(new { name, value })));
        var read = await OkAsync(root.EcrAsync("GetAccountSetting", JsonSerializer.Serialize(new { name })));
        Assert.Equal((name, value), ((string)read["name"]!, (string)read["value"]!));
    }

    [Fact]
    public async Task Aws_ecr_pull_time_update_exclusion_and_replication_configuration()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var scanner = $$"""{"principalArn":"arn:aws:iam::{{Account}}:role/scanner"}""";
        Assert.Equal($"arn:aws:iam::{Account}:role/scanner", (string)(await OkAsync(root.EcrAsync("RegisterPullTimeUpdateExclusion", scanner)))["principalArn"]!);
        Assert.Equal("ExclusionAlreadyExistsException", (await root.EcrAsync("RegisterPullTimeUpdateExclusion", scanner)).Type);
        Assert.Equal($"arn:aws:iam::{Account}:role/scanner", (string)(await OkAsync(root.EcrAsync("ListPullTimeUpdateExclusions")))["pullTimeUpdateExclusions"]![0]!);
        await OkAsync(root.EcrAsync("DeregisterPullTimeUpdateExclusion", scanner));
        Assert.Empty((await OkAsync(root.EcrAsync("ListPullTimeUpdateExclusions")))["pullTimeUpdateExclusions"]!.AsArray());

        var replication = """{"rules":[{"destinations":[{"region":"us-west-2","registryId":"111111111111"}],"repositoryFilters":[{"filter":"prod","filterType":"PREFIX_MATCH"}]}]}""";
        await OkAsync(root.EcrAsync("PutReplicationConfiguration", $$"""{"replicationConfiguration":{{replication}}}"""));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(replication), (await OkAsync(root.EcrAsync("DescribeRegistry")))["replicationConfiguration"]));
        await OkAsync(root.EcrAsync("PutReplicationConfiguration", """{"replicationConfiguration":{"rules":[]}}"""));
        Assert.Empty((await OkAsync(root.EcrAsync("DescribeRegistry")))["replicationConfiguration"]!["rules"]!.AsArray());
    }

    [Fact]
    public async Task Data_sources()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(1);
        upstream.Add("app", image, "1", "2");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }], Token);
        var root = AwsClient.Root(host);
        await OkAsync(root.EcrAsync("BatchGetImage", """{"repositoryName":"up/app","imageIds":[{"imageTag":"1"},{"imageTag":"2"}]}"""));

        // aws_ecr_authorization_token: two parts, by the URL-safe alphabet too.
        var login = (await OkAsync(root.EcrAsync("GetAuthorizationToken", $$"""{"registryIds":["{{Account}}"]}""")))["authorizationData"]![0]!;
        var token = (string)login["authorizationToken"]!;
        Assert.Equal(2, System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(token.Replace('-', '+').Replace('_', '/'))).Split(':').Length);
        Assert.True((double)login["expiresAt"]! > 0);

        // aws_ecr_image: by its tag, and the one that was pushed last.
        var detail = (await OkAsync(root.EcrAsync("DescribeImages", $$"""{"registryId":"{{Account}}","repositoryName":"up/app","imageIds":[{"imageTag":"1"}]}""")))["imageDetails"]![0]!;
        Assert.Equal(image.Digest.ToString(), (string)detail["imageDigest"]!);
        Assert.Equal(["1", "2"], detail["imageTags"]!.AsArray().Select(tag => (string)tag!));
        Assert.True((double)detail["imagePushedAt"]! > 1_000_000_000 && (long)detail["imageSizeInBytes"]! > 0);
        Assert.Single((await OkAsync(root.EcrAsync("DescribeImages", """{"repositoryName":"up/app","filter":{"tagStatus":"TAGGED"}}""")))["imageDetails"]!.AsArray());

        // aws_ecr_images, aws_ecr_repositories, aws_ecr_repository.
        Assert.Equal(["1", "2"], (await OkAsync(root.EcrAsync("ListImages", """{"repositoryName":"up/app"}""")))["imageIds"]!.AsArray().Select(id => (string)id!["imageTag"]!));
        var repository = Assert.Single((await OkAsync(root.EcrAsync("DescribeRepositories")))["repositories"]!.AsArray())!;
        Assert.Equal("up/app", (string)repository["repositoryName"]!);
        Assert.Empty((await OkAsync(root.EcrAsync("ListTagsForResource", $$"""{"resourceArn":"{{repository["repositoryArn"]}}"}""")))["tags"]!.AsArray());

        // aws_ecr_pull_through_cache_rule, of the configuration too.
        Assert.Equal("up", (string)(await OkAsync(root.EcrAsync("DescribePullThroughCacheRules", """{"ecrRepositoryPrefixes":["up"]}""")))["pullThroughCacheRules"]![0]!["ecrRepositoryPrefix"]!);
    }

    private static JsonObject Filter(string filter) => new() { ["filter"] = filter, ["filterType"] = "WILDCARD" };

    private static async Task<JsonNode> OkAsync(Task<AwsAnswer> call)
    {
        var answer = await call;
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }
}
