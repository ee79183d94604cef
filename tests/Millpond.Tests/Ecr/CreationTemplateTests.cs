using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>Repository creation templates: how they are told, and what they set on repositories that a pull or a push makes.</summary>
public sealed class CreationTemplateTests
{
    private const string ThirtyDays = """{"rules":[{"rulePriority":1,"description":"Expire images 30 days after they came","selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}]}""";
    private const string Keep = """{"rules":[{"rulePriority":1,"description":"keep what there is, for a test of templates","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":7},"action":{"type":"expire"}}]}""";
    private const string Policy = """{"Statement":{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}}""";

    private static readonly MillpondHostOptions Token = new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } };

    [Fact]
    public async Task The_first_pull_makes_the_repository_as_the_longest_template_of_its_kind_says()
    {
        await using var world = await World.StartAsync();
        await world.CreateAsync(Template("up", "PULL_THROUGH_CACHE") with { Lifecycle = ThirtyDays });
        await world.CreateAsync(Template("up/team/", "PULL_THROUGH_CACHE") with
        {
            Lifecycle = Keep,
            Policy = Policy,
            Mutability = "IMMUTABLE_WITH_EXCLUSION",
            Tags = [new("team", "a")],
            KmsKey = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd",
        });
        await world.CreateAsync(Template("up/team/app", "CREATE_ON_PUSH") with { Lifecycle = ThirtyDays });
        await world.CreateAsync(Template("up/tea", "PULL_THROUGH_CACHE") with { Lifecycle = ThirtyDays });

        Assert.Equal(200, await world.PullAsync("up/team/app"));
        var repository = await world.RepositoryAsync("up/team/app");
        Assert.Equal("IMMUTABLE_WITH_EXCLUSION", (string)repository["imageTagMutability"]!);
        Assert.Equal("dev-*", (string)repository["imageTagMutabilityExclusionFilters"]![0]!["filter"]!);
        Assert.Equal(("KMS", "arn:aws:kms:eu-west-1:111111111111:key/1234abcd"), ((string)repository["encryptionConfiguration"]!["encryptionType"]!, (string)repository["encryptionConfiguration"]!["kmsKey"]!));
        Assert.True((double)repository["createdAt"]! > 1_000_000_000);
        Assert.Equal(Keep, await world.LifecycleAsync("up/team/app"));
        Assert.Equal(Policy, (string)(await world.Root.EcrAsync("GetRepositoryPolicy", """{"repositoryName":"up/team/app"}""")).Json["policyText"]!);
        var tags = (await world.Root.EcrAsync("ListTagsForResource", """{"resourceArn":"arn:aws:ecr:eu-west-1:111111111111:repository/up/team/app"}""")).Json["tags"]!;
        Assert.Equal(("team", "a"), ((string)tags[0]!["Key"]!, (string)tags[0]!["Value"]!));

        // The policy holds from the next request on, for who was refused just before.
        Assert.Equal(200, await world.PullAsync("up/team/app", world.Dev));
        Assert.Equal(200, await world.PullAsync("up/team"));
        Assert.Equal(ThirtyDays, await world.LifecycleAsync("up/team"));
        Assert.Equal(403, await world.PullAsync("up/team", world.Dev));
    }

    [Fact]
    public async Task A_policy_lets_in_who_was_refused_before_the_repository_was_there()
    {
        await using var world = await World.StartAsync();
        await world.CreateAsync(Template("up", "PULL_THROUGH_CACHE") with { Policy = Policy });
        Assert.Equal(403, await world.PullAsync("up/team/app", world.Dev));
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal(200, await world.PullAsync("up/team/app", world.Dev));
    }

    [Fact]
    public async Task A_template_says_nothing_of_what_is_here_already_and_is_applied_anew_to_what_was_deleted()
    {
        await using var world = await World.StartAsync();
        Assert.Equal(200, (await world.Root.EcrAsync("CreateRepository", """{"repositoryName":"up/app"}""")).Status);
        Assert.Equal(200, await world.PullAsync("up/app"));
        Assert.Equal("LifecyclePolicyNotFoundException", await world.LifecycleAsync("up/app"));
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        await world.CreateAsync(Template("up", "PULL_THROUGH_CACHE") with { Lifecycle = Keep });
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal(ThirtyDays, await world.LifecycleAsync("up/team/app"));
        Assert.Equal(200, (await world.Root.EcrAsync("DeleteLifecyclePolicy", """{"repositoryName":"up/team/app"}""")).Status);
        await world.Host.RestartAsync();
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal("LifecyclePolicyNotFoundException", await world.LifecycleAsync("up/team/app"));

        Assert.Equal(200, (await world.Root.EcrAsync("DeleteRepository", """{"repositoryName":"up/team/app","force":true}""")).Status);
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal(Keep, await world.LifecycleAsync("up/team/app"));
    }

    [Fact]
    public async Task A_push_makes_the_repository_by_a_template_for_pushes()
    {
        await using var world = await World.StartAsync();
        await world.CreateAsync(Template("team", "CREATE_ON_PUSH") with { Lifecycle = Keep, Mutability = "IMMUTABLE" });
        await world.CreateAsync(Template("ROOT", "REPLICATION", "PULL_THROUGH_CACHE") with { Lifecycle = ThirtyDays });
        await world.PushAsync("team/app");
        await world.PushAsync("other/app");
        Assert.Equal(Keep, await world.LifecycleAsync("team/app"));
        Assert.Equal("IMMUTABLE", (string)(await world.RepositoryAsync("team/app"))["imageTagMutability"]!);
        Assert.Equal("LifecyclePolicyNotFoundException", await world.LifecycleAsync("other/app"));
    }

    [Fact]
    public async Task The_built_in_template_is_shown_overridden_and_switched_off()
    {
        await using var world = await World.StartAsync();
        var built = Assert.Single(await world.TemplatesAsync());
        Assert.Equal(("ROOT", "PULL_THROUGH_CACHE", ThirtyDays), ((string)built["prefix"]!, (string)built["appliedFor"]![0]!, (string)built["lifecyclePolicy"]!));
        Assert.Single(await world.TemplatesAsync("""{"prefixes":["ROOT","none"]}"""));
        Assert.Equal(200, await world.PullAsync("up/app"));
        Assert.Equal(ThirtyDays, await world.LifecycleAsync("up/app"));

        // As on AWS, where there is none: it can be created, and is gone when it was deleted.
        await world.CreateAsync(Template("ROOT", "PULL_THROUGH_CACHE") with { Lifecycle = Keep });
        Assert.Equal("TemplateAlreadyExistsException", (await world.Root.EcrAsync("CreateRepositoryCreationTemplate", Template("ROOT", "PULL_THROUGH_CACHE").ToJson())).Type);
        Assert.Equal(Keep, (string)Assert.Single(await world.TemplatesAsync())["lifecyclePolicy"]!);
        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal(Keep, await world.LifecycleAsync("up/team/app"));
        Assert.Equal(200, (await world.Root.EcrAsync("DeleteRepositoryCreationTemplate", """{"prefix":"ROOT"}""")).Status);
        Assert.Empty(await world.TemplatesAsync("""{"prefixes":["ROOT"]}"""));
        Assert.Equal("TemplateNotFoundException", (await world.Root.EcrAsync("DeleteRepositoryCreationTemplate", """{"prefix":"ROOT"}""")).Type);
        Assert.Equal(200, await world.PullAsync("up/team"));
        Assert.Equal("LifecyclePolicyNotFoundException", await world.LifecycleAsync("up/team"));
    }

    [Fact]
    public async Task An_update_of_the_built_in_template_makes_it_one_s_own()
    {
        await using var world = await World.StartAsync();
        var updated = await world.Root.EcrAsync("UpdateRepositoryCreationTemplate", """{"prefix":"ROOT","lifecyclePolicy":"","imageTagMutability":"IMMUTABLE"}""");
        Assert.True(updated.Status == 200, updated.Text);
        Assert.Equal(200, await world.PullAsync("up/app"));
        Assert.Equal("LifecyclePolicyNotFoundException", await world.LifecycleAsync("up/app"));
        Assert.Equal("IMMUTABLE", (string)(await world.RepositoryAsync("up/app"))["imageTagMutability"]!);
    }

    [Fact]
    public async Task Templates_come_by_pages_in_the_order_of_their_prefixes()
    {
        await using var world = await World.StartAsync();
        foreach (var prefix in (string[])["9a", "b", "a/c", "a"])
        {
            await world.CreateAsync(Template(prefix, "PULL_THROUGH_CACHE"));
        }

        var found = new List<string>();
        for (string? next = null; ;)
        {
            var page = (await world.Root.EcrAsync("DescribeRepositoryCreationTemplates", JsonSerializer.Serialize(next is null ? new { maxResults = 2 } : (object)new { maxResults = 2, nextToken = next }))).Json;
            found.AddRange(page["repositoryCreationTemplates"]!.AsArray().Select(template => (string)template!["prefix"]!));
            next = (string?)page["nextToken"];
            if (next is null)
            {
                break;
            }
        }

        Assert.Equal(["9a", "ROOT", "a", "a/c", "b"], found);
    }

    [Theory]
    [InlineData("""{"imageTagMutability":"MUTABLE","imageTagMutabilityExclusionFilters":[{"filterType":"WILDCARD","filter":"a"}]}""", "InvalidParameterException")]
    [InlineData("""{"imageTagMutability":"IMMUTABLE_WITH_EXCLUSION"}""", "InvalidParameterException")]
    [InlineData("""{"resourceTags":[{"Key":"aws:a","Value":"b"}]}""", "InvalidTagParameterException")]
    [InlineData("""{"repositoryPolicy":"{}"}""", "InvalidParameterException")]
    [InlineData("""{"lifecyclePolicy":"[]"}""", "InvalidParameterException")]
    public async Task What_could_not_be_applied_is_not_kept(string members, string type)
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var input = JsonNode.Parse(members)!.AsObject();
        (input["prefix"], input["appliedFor"]) = ("up", new JsonArray("PULL_THROUGH_CACHE"));
        Assert.Equal(type, (await AwsClient.Root(host).EcrAsync("CreateRepositoryCreationTemplate", input.ToJsonString())).Type);
    }

    [Theory]
    [InlineData("""{"appliedFor":7""")]
    [InlineData("""{"appliedFor":null}""")]
    [InlineData("""{"appliedFor":["PULL_THROUGH_CACHE"],"resourceTags":null}""")]
    [InlineData("null")]
    [InlineData("")]
    public async Task A_template_that_cannot_be_applied_keeps_nothing_from_being_pulled(string damaged)
    {
        using var folder = new TemporaryFolder();
        await using var world = await World.StartAsync(folder);
        await world.CreateAsync(Template("up/team", "PULL_THROUGH_CACHE"));
        await world.CreateAsync(Template("up", "PULL_THROUGH_CACHE") with { Lifecycle = Keep });
        using (var catalog = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={folder.File("data/catalog/catalog.db")}"))
        {
            catalog.Open();
            using var damage = catalog.CreateCommand();
            damage.CommandText = "UPDATE control_settings SET value = @damaged WHERE kind = 'repository-template' AND name = 'up/team'";
            damage.Parameters.AddWithValue("@damaged", damaged);
            Assert.Equal(1, damage.ExecuteNonQuery());
        }

        Assert.Equal(200, await world.PullAsync("up/team/app"));
        Assert.Equal(Keep, await world.LifecycleAsync("up/team/app"));
        Assert.Contains(world.Host.Log.Lines, line => line.Message.Contains("up/team cannot be read", StringComparison.Ordinal));
    }

    private static Wanted Template(string prefix, params string[] appliedFor) => new(prefix, appliedFor);

    private sealed record Wanted(string Prefix, string[] AppliedFor)
    {
        public string? Lifecycle { get; init; }

        public string? Policy { get; init; }

        public string? Mutability { get; init; }

        public string? KmsKey { get; init; }

        public KeyValuePair<string, string>[] Tags { get; init; } = [];

        public string ToJson()
        {
            var json = new JsonObject { ["prefix"] = Prefix, ["appliedFor"] = new JsonArray([.. AppliedFor.Select(one => JsonValue.Create(one))]) };
            Add("lifecyclePolicy", Lifecycle);
            Add("repositoryPolicy", Policy);
            Add("imageTagMutability", Mutability);
            Add("imageTagMutabilityExclusionFilters", Mutability is null || !Mutability.EndsWith("_WITH_EXCLUSION", StringComparison.Ordinal) ? null : new JsonArray(new JsonObject { ["filterType"] = "WILDCARD", ["filter"] = "dev-*" }));
            Add("encryptionConfiguration", KmsKey is null ? null : new JsonObject { ["encryptionType"] = "KMS", ["kmsKey"] = KmsKey });
            Add("resourceTags", Tags.Length == 0 ? null : new JsonArray([.. Tags.Select(tag => new JsonObject { ["Key"] = tag.Key, ["Value"] = tag.Value })]));
            return json.ToJsonString();

            void Add(string name, JsonNode? value)
            {
                if (value is not null)
                {
                    json[name] = value;
                }
            }
        }
    }

    /// <summary>A server in token mode with one rule, its owner, and somebody of another account.</summary>
    private sealed class World(FakeUpstream upstream, MillpondHost host, AwsClient root) : IAsyncDisposable
    {
        private readonly AwsClient first = root;
        private string owner = "";

        public MillpondHost Host => host;

        public AwsClient Root => first with { Address = host.Address };

        public string Dev { get; private set; } = "";

        public static async Task<World> StartAsync(TemporaryFolder? data = null)
        {
            var upstream = await FakeUpstream.StartAsync();
            foreach (var name in (string[])["app", "team/app", "team"])
            {
                upstream.Add(name, TestImages.OnePlatform(name.Length), "1");
            }

            var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }], Token with { Data = data });
            var world = new World(upstream, host, AwsClient.Root(host)) { owner = await AwsClient.Root(host).LoginAsync() };
            world.Dev = await (await world.Root.PrincipalAsync("arn:aws:iam::222222222222:role/node", "PullOnly")).LoginAsync();
            return world;
        }

        public async Task CreateAsync(Wanted template)
        {
            var made = await Root.EcrAsync("CreateRepositoryCreationTemplate", template.ToJson());
            Assert.True(made.Status == 200, made.Text);
        }

        public async Task<int> PullAsync(string repository, string? login = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, $"/v2/{repository}/manifests/1"));
            request.Headers.TryAddWithoutValidation("Authorization", login ?? owner);
            using var response = await host.Client.SendAsync(request);
            return (int)response.StatusCode;
        }

        public async Task PushAsync(string repository)
        {
            var bytes = new byte[] { 1, 2, 3 };
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Address, $"/v2/{repository}/blobs/uploads/?digest={Digest.Sha256(bytes)}")) { Content = new ByteArrayContent(bytes) };
            request.Headers.TryAddWithoutValidation("Authorization", owner);
            using var response = await host.Client.SendAsync(request);
            Assert.Equal(201, (int)response.StatusCode);
        }

        public async Task<JsonNode> RepositoryAsync(string name) =>
            (await Root.EcrAsync("DescribeRepositories", $$"""{"repositoryNames":["{{name}}"]}""")).Json["repositories"]![0]!;

        /// <summary>The policy's text, or the type of the error.</summary>
        public async Task<string> LifecycleAsync(string name)
        {
            var answer = await Root.EcrAsync("GetLifecyclePolicy", $$"""{"repositoryName":"{{name}}"}""");
            return answer.Status == 200 ? (string)answer.Json["lifecyclePolicyText"]! : answer.Type;
        }

        public async Task<IReadOnlyList<JsonNode>> TemplatesAsync(string input = "{}") =>
            [.. (await Root.EcrAsync("DescribeRepositoryCreationTemplates", input)).Json["repositoryCreationTemplates"]!.AsArray().Select(template => template!)];

        public async ValueTask DisposeAsync()
        {
            await host.DisposeAsync();
            await upstream.DisposeAsync();
        }
    }
}
