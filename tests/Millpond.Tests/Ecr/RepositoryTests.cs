using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>Repositories and images by the API, of this server's own and of a cache, with the reads that Terraform makes.</summary>
public sealed class RepositoryTests
{
    private static readonly MillpondHostOptions Token = new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } };

    [Fact]
    public async Task A_repository_is_as_terraform_reads_it()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var made = await root.EcrAsync("CreateRepository", """{"repositoryName":"team/app","imageTagMutability":"MUTABLE","tags":[{"Key":"a","Value":"b"}]}""");
        Assert.True(made.Status == 200, made.Text);
        var read = (await root.EcrAsync("DescribeRepositories", """{"repositoryNames":["team/app"]}""")).Json["repositories"]![0]!;
        Assert.Equal("arn:aws:ecr:eu-west-1:111111111111:repository/team/app", (string)read["repositoryArn"]!);
        Assert.Equal($"{host.Address.Authority}/team/app", (string)read["repositoryUri"]!);
        Assert.Equal("AES256", (string)read["encryptionConfiguration"]!["encryptionType"]!);
        Assert.False((bool)read["imageScanningConfiguration"]!["scanOnPush"]!);
        Assert.True((double)read["createdAt"]! > 0);
        Assert.Equal("RepositoryAlreadyExistsException", (await root.EcrAsync("CreateRepository", """{"repositoryName":"team/app"}""")).Type);

        const string Arn = "arn:aws:ecr:eu-west-1:111111111111:repository/team/app";
        Assert.Equal("b", (string)(await root.EcrAsync("ListTagsForResource", $$"""{"resourceArn":"{{Arn}}"}""")).Json["tags"]![0]!["Value"]!);
        Assert.Equal("{}", (await root.EcrAsync("TagResource", $$"""{"resourceArn":"{{Arn}}","tags":[{"Key":"c","Value":"d"}]}""")).Text);
        Assert.Equal("{}", (await root.EcrAsync("UntagResource", $$"""{"resourceArn":"{{Arn}}","tagKeys":["a"]}""")).Text);
        Assert.Equal("c", (string)(await root.EcrAsync("ListTagsForResource", $$"""{"resourceArn":"{{Arn}}"}""")).Json["tags"]![0]!["Key"]!);

        Assert.Equal("RepositoryPolicyNotFoundException", (await root.EcrAsync("GetRepositoryPolicy", """{"repositoryName":"team/app"}""")).Type);
        var policy = JsonSerializer.Serialize(new { repositoryName = "team/app", policyText = """{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}}""" });
        Assert.Equal(200, (await root.EcrAsync("SetRepositoryPolicy", policy)).Status);
        Assert.Equal(200, (await root.EcrAsync("DeleteRepositoryPolicy", """{"repositoryName":"team/app"}""")).Status);
        Assert.Equal("LifecyclePolicyNotFoundException", (await root.EcrAsync("GetLifecyclePolicy", """{"repositoryName":"team/app"}""")).Type);

        var filters = await root.EcrAsync(
            "PutImageTagMutability",
            """{"repositoryName":"team/app","imageTagMutability":"IMMUTABLE_WITH_EXCLUSION","imageTagMutabilityExclusionFilters":[{"filterType":"WILDCARD","filter":"dev-*"}]}""");
        Assert.Equal("dev-*", (string)filters.Json["imageTagMutabilityExclusionFilters"]![0]!["filter"]!);
        Assert.Equal(200, (await root.EcrAsync("DeleteRepository", """{"repositoryName":"team/app"}""")).Status);
        var gone = await root.EcrAsync("DescribeRepositories", """{"repositoryNames":["team/app"]}""");
        Assert.Equal("The repository with name 'team/app' does not exist in the registry with id '111111111111'", gone.Message);
    }

    [Fact]
    public async Task Of_many_who_make_a_repository_one_does_and_what_he_said_of_it_holds()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => root.EcrAsync(
            "CreateRepository", $$"""{"repositoryName":"team/app","imageTagMutability":"{{(i % 2 == 0 ? "MUTABLE" : "IMMUTABLE")}}","tags":[{"Key":"i","Value":"{{i}}"}]}""")));

        var made = Assert.Single(answers, answer => answer.Status == 200).Json["repository"]!;
        Assert.All(answers.Where(answer => answer.Status != 200), answer => Assert.Equal("RepositoryAlreadyExistsException", answer.Type));
        var read = (await root.EcrAsync("DescribeRepositories", """{"repositoryNames":["team/app"]}""")).Json["repositories"]![0]!;
        Assert.Equal((string)made["imageTagMutability"]!, (string)read["imageTagMutability"]!);
        var winner = Array.FindIndex(answers, answer => answer.Status == 200);
        var tags = await root.EcrAsync("ListTagsForResource", """{"resourceArn":"arn:aws:ecr:eu-west-1:111111111111:repository/team/app"}""");
        Assert.Equal($"{winner}", (string)tags.Json["tags"]![0]!["Value"]!);
    }

    [Fact]
    public async Task Images_are_got_as_many_at_once_as_fit()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        Assert.Equal(200, (await root.EcrAsync("CreateRepository", """{"repositoryName":"team/app"}""")).Status);
        var manifest = """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":"PAD"}}"""
            .Replace("PAD", new string('x', 4_000_000), StringComparison.Ordinal);
        using (var put = new HttpRequestMessage(HttpMethod.Put, new Uri(host.Address, "/v2/team/app/manifests/1")) { Content = new StringContent(manifest) })
        {
            put.Content.Headers.ContentType = new("application/vnd.oci.image.index.v1+json");
            put.Headers.TryAddWithoutValidation("Authorization", await root.LoginAsync());
            using var answer = await host.Client.SendAsync(put);
            Assert.Equal(201, (int)answer.StatusCode);
        }

        Assert.Equal("ok", (await GetAsync(1)).Type);
        Assert.Equal("LimitExceededException", (await GetAsync(9)).Type);

        Task<AwsAnswer> GetAsync(int count) => root.EcrAsync(
            "BatchGetImage", JsonSerializer.Serialize(new { repositoryName = "team/app", imageIds = Enumerable.Repeat(new { imageTag = "1" }, count) }));
    }

    [Fact]
    public async Task An_image_is_pushed_in_parts_described_and_deleted()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        Assert.Equal(200, (await root.EcrAsync("CreateRepository", """{"repositoryName":"app"}""".Replace("app", "team/app", StringComparison.Ordinal))).Status);
        var layer = Encoding.UTF8.GetBytes(new string('x', 1000));
        var config = "{}"u8.ToArray();
        foreach (var blob in (byte[][])[layer, config])
        {
            var id = (string)(await root.EcrAsync("InitiateLayerUpload", """{"repositoryName":"team/app"}""")).Json["uploadId"]!;
            var wrong = await root.EcrAsync("UploadLayerPart", Part(id, 5, blob));
            Assert.Equal(("InvalidLayerPartException", -1), (wrong.Type, (int)wrong.Json["lastValidByteReceived"]!));
            Assert.Equal(blob.Length - 1, (int)(await root.EcrAsync("UploadLayerPart", Part(id, 0, blob))).Json["lastByteReceived"]!);
            var done = await root.EcrAsync("CompleteLayerUpload", JsonSerializer.Serialize(new { repositoryName = "team/app", uploadId = id, layerDigests = new[] { Digest.Sha256(blob).ToString() } }));
            Assert.Equal(Digest.Sha256(blob).ToString(), (string?)done.Json["layerDigest"]);
        }

        var manifest = $$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Digest.Sha256(config)}}","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{{Digest.Sha256(layer)}}","size":1000}]}""";
        Assert.Equal(200, (await PutAsync(root, manifest, "1")).Status);
        Assert.Equal("ImageAlreadyExistsException", (await PutAsync(root, manifest, "1")).Type);
        Assert.Equal(200, (await PutAsync(root, manifest, "2")).Status);
        Assert.Equal("LayersNotFoundException", (await PutAsync(root, manifest.Replace(Digest.Sha256(layer).ToString(), Digest.Sha256("y"u8).ToString(), StringComparison.Ordinal), "3")).Type);

        Assert.Equal(200, (await root.EcrAsync("PutImageTagMutability", """{"repositoryName":"team/app","imageTagMutability":"IMMUTABLE"}""")).Status);
        Assert.Equal("ImageTagAlreadyExistsException", (await PutAsync(root, manifest + " ", "1")).Type);

        var detail = (await root.EcrAsync("DescribeImages", """{"repositoryName":"team/app"}""")).Json["imageDetails"]![0]!;
        Assert.Equal(["1", "2"], detail["imageTags"]!.AsArray().Select(tag => (string)tag!));
        Assert.Equal(1002 + Encoding.UTF8.GetByteCount(manifest), (long)detail["imageSizeInBytes"]!);
        Assert.Equal(2, (await root.EcrAsync("ListImages", """{"repositoryName":"team/app"}""")).Json["imageIds"]!.AsArray().Count);
        var url = (string)(await root.EcrAsync("GetDownloadUrlForLayer", $$"""{"repositoryName":"team/app","layerDigest":"{{Digest.Sha256(layer)}}"}""")).Json["downloadUrl"]!;
        Assert.Equal(layer, await host.Client.GetByteArrayAsync(new Uri(url), TestContext.Current.CancellationToken));
        using var other = await host.Client.GetAsync(new Uri(url.Replace(Digest.Sha256(layer).ToString(), Digest.Sha256(config).ToString(), StringComparison.Ordinal)), TestContext.Current.CancellationToken);
        Assert.Equal(401, (int)other.StatusCode);

        var pusher = await root.PrincipalAsync("arn:aws:iam::111111111111:user/pusher", "PowerUser");
        var pushers = (string)(await pusher.EcrAsync("GetDownloadUrlForLayer", $$"""{"repositoryName":"team/app","layerDigest":"{{Digest.Sha256(layer)}}"}""")).Json["downloadUrl"]!;
        Assert.Equal(layer, await host.Client.GetByteArrayAsync(new Uri(pushers), TestContext.Current.CancellationToken));
        Assert.Equal(200, (await root.OwnAsync("RotateAccessKey", """{"arn":"arn:aws:iam::111111111111:user/pusher"}""")).Status);
        using var ended = await host.Client.GetAsync(new Uri(pushers), TestContext.Current.CancellationToken);
        Assert.Equal(401, (int)ended.StatusCode);

        Assert.Equal("RepositoryNotEmptyException", (await root.EcrAsync("DeleteRepository", """{"repositoryName":"team/app"}""")).Type);
        Assert.Single((await root.EcrAsync("BatchDeleteImage", """{"repositoryName":"team/app","imageIds":[{"imageTag":"1"}]}""")).Json["imageIds"]!.AsArray());
        Assert.Equal("ImageNotFound", FailureOf(await root.EcrAsync("BatchDeleteImage", """{"repositoryName":"team/app","imageIds":[{"imageTag":"1"}]}""")));
        Assert.Equal("MissingDigestAndTag", FailureOf(await root.EcrAsync("BatchDeleteImage", """{"repositoryName":"team/app","imageIds":[{}]}""")));
        Assert.Single((await root.EcrAsync("BatchDeleteImage", """{"repositoryName":"team/app","imageIds":[{"imageTag":"2"}]}""")).Json["imageIds"]!.AsArray());
        Assert.Equal("ImageNotFoundException", (await root.EcrAsync("DescribeImages", """{"repositoryName":"team/app","imageIds":[{"imageTag":"2"}]}""")).Type);
    }

    [Fact]
    public async Task An_image_of_a_cache_is_got_through_the_api()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(1);
        upstream.Add("app", image, "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }], Token);
        var root = AwsClient.Root(host);
        var reader = await root.PrincipalAsync("arn:aws:iam::111111111111:role/reader", "ReadOnly");
        const string Get = """{"repositoryName":"up/app","imageIds":[{"imageTag":"1"}]}""";
        Assert.Equal("ImageNotFound", FailureOf(await reader.EcrAsync("BatchGetImage", Get)));
        var got = (await root.EcrAsync("BatchGetImage", Get)).Json["images"]![0]!;
        Assert.Equal(image.Digest.ToString(), (string)got["imageId"]!["imageDigest"]!);
        Assert.Equal(image.Digest, Digest.Sha256(Encoding.UTF8.GetBytes((string)got["imageManifest"]!)));
        Assert.Single((await reader.EcrAsync("BatchGetImage", Get)).Json["images"]!.AsArray());
        Assert.Equal(("ValidationException", "This feature is disabled"), await ScanAsync("up/app", "1"));
        Assert.Equal("ImageNotFoundException", (await ScanAsync("up/app", "2")).Type);
        Assert.Equal("RepositoryNotFoundException", (await ScanAsync("up/none", "1")).Type);
        Assert.Equal("up/app", (string)(await root.EcrAsync("DescribeRepositories")).Json["repositories"]![0]!["repositoryName"]!);
        Assert.Equal("InvalidParameterException", (await PutAsync(root, "{}", "2", "up/app")).Type);
        upstream.GoDown();
        Assert.Equal("UpstreamUnavailable", FailureOf(await root.EcrAsync("BatchGetImage", Get.Replace("\"1\"", "\"2\"", StringComparison.Ordinal))));

        async Task<(string Type, string Message)> ScanAsync(string repository, string tag)
        {
            var answer = await root.EcrAsync("StartImageScan", $$"""{"repositoryName":"{{repository}}","imageId":{"imageTag":"{{tag}}"} }""");
            return (answer.Type, answer.Message);
        }
    }

    private static string FailureOf(AwsAnswer answer) => (string)answer.Json["failures"]![0]!["failureCode"]!;

    private static string Part(string id, int first, byte[] blob) => JsonSerializer.Serialize(new
    {
        repositoryName = "team/app",
        uploadId = id,
        partFirstByte = first,
        partLastByte = first + blob.Length - 1,
        layerPartBlob = Convert.ToBase64String(blob),
    });

    private static Task<AwsAnswer> PutAsync(AwsClient client, string manifest, string tag, string repository = "team/app") => client.EcrAsync(
        "PutImage", new JsonObject { ["repositoryName"] = repository, ["imageManifest"] = manifest, ["imageManifestMediaType"] = "application/vnd.oci.image.manifest.v1+json", ["imageTag"] = tag }.ToJsonString());
}
