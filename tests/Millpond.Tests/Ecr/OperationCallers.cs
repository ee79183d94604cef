using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>A server with something of everything that operations work on, and a caller of each kind.</summary>
internal sealed class OperationCallers : IAsyncDisposable
{
    public const string Account = "111111111111";

    /// <summary>In the order of the table's columns.</summary>
    public static readonly string[] Names = ["no signature", "wrong key", "expired", "other account", "reader", "pusher", "owner"];

    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    private const string Lifecycle = """{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":99},"action":{"type":"expire"}}]}""";

    private static readonly byte[] Layer = [1, 2, 3];

    /// <summary>
    /// Inputs with which the owner's call succeeds, where it can. <c>{n}</c> is another number for each caller; <c>{up}</c> an upload that has begun,
    /// <c>{full}</c> one that has its bytes.
    /// </summary>
    private static readonly Dictionary<string, string> Inputs = new(StringComparer.Ordinal)
    {
        ["BatchCheckLayerAvailability"] = """{"repositoryName":"team/app","layerDigests":["{layer}"]}""",
        ["BatchDeleteImage"] = """{"repositoryName":"team/app","imageIds":[{"imageTag":"none"}]}""",
        ["BatchGetImage"] = """{"repositoryName":"team/app","imageIds":[{"imageTag":"1"}]}""",
        ["BatchGetRepositoryScanningConfiguration"] = """{"repositoryNames":["team/app"]}""",
        ["CompleteLayerUpload"] = """{"repositoryName":"team/app","uploadId":"{full}","layerDigests":["{layer}"]}""",
        ["CreatePullThroughCacheRule"] = """{"ecrRepositoryPrefix":"rule{n}","upstreamRegistryUrl":"quay.io"}""",
        ["CreateRepository"] = """{"repositoryName":"new/{n}"}""",
        ["CreateRepositoryCreationTemplate"] = """{"prefix":"new{n}","appliedFor":["PULL_THROUGH_CACHE"]}""",
        ["DeleteLifecyclePolicy"] = """{"repositoryName":"team/app"}""",
        ["DeletePullThroughCacheRule"] = """{"ecrRepositoryPrefix":"made"}""",
        ["DeleteRepository"] = """{"repositoryName":"team/gone"}""",
        ["DeleteRepositoryCreationTemplate"] = """{"prefix":"gone"}""",
        ["DeleteRepositoryPolicy"] = """{"repositoryName":"team/app"}""",
        ["DeregisterPullTimeUpdateExclusion"] = """{"principalArn":"arn:aws:iam::111111111111:role/scanner"}""",
        ["DescribeImageScanFindings"] = """{"repositoryName":"team/app","imageId":{"imageTag":"1"}}""",
        ["DescribeImages"] = """{"repositoryName":"team/app"}""",
        ["DescribeRepositories"] = """{"repositoryNames":["team/app"]}""",
        ["GetAccountSetting"] = """{"name":"BLOB_MOUNTING"}""",
        ["GetDownloadUrlForLayer"] = """{"repositoryName":"team/app","layerDigest":"{layer}"}""",
        ["GetLifecyclePolicy"] = """{"repositoryName":"team/app"}""",
        ["GetLifecyclePolicyPreview"] = """{"repositoryName":"team/app"}""",
        ["GetRepositoryPolicy"] = """{"repositoryName":"team/app"}""",
        ["InitiateLayerUpload"] = """{"repositoryName":"team/app"}""",
        ["ListImageReferrers"] = """{"repositoryName":"team/app","subjectId":{"imageDigest":"{layer}"}}""",
        ["ListImages"] = """{"repositoryName":"team/app"}""",
        ["ListTagsForResource"] = """{"resourceArn":"{arn}"}""",
        ["PutAccountSetting"] = """{"name":"BLOB_MOUNTING","value":"ENABLED"}""",
        ["PutImage"] = """{"repositoryName":"team/app","imageManifest":"{manifest}","imageTag":"t{n}"}""",
        ["PutImageScanningConfiguration"] = """{"repositoryName":"team/app","imageScanningConfiguration":{"scanOnPush":false}}""",
        ["PutImageTagMutability"] = """{"repositoryName":"team/app","imageTagMutability":"MUTABLE"}""",
        ["PutLifecyclePolicy"] = """{"repositoryName":"team/app","lifecyclePolicyText":"{lifecycle}"}""",
        ["PutRegistryPolicy"] = """{"policyText":"{registry}"}""",
        ["PutRegistryScanningConfiguration"] = """{"scanType":"BASIC","rules":[]}""",
        ["PutReplicationConfiguration"] = """{"replicationConfiguration":{"rules":[]}}""",
        ["RegisterPullTimeUpdateExclusion"] = """{"principalArn":"arn:aws:iam::111111111111:role/r{n}"}""",
        ["SetRepositoryPolicy"] = """{"repositoryName":"team/app","policyText":"{repository}"}""",
        ["StartImageScan"] = """{"repositoryName":"team/app","imageId":{"imageTag":"1"}}""",
        ["StartLifecyclePolicyPreview"] = """{"repositoryName":"team/app","lifecyclePolicyText":"{lifecycle}"}""",
        ["TagResource"] = """{"resourceArn":"{arn}","tags":[{"Key":"a","Value":"b"}]}""",
        ["UntagResource"] = """{"resourceArn":"{arn}","tagKeys":["a"]}""",
        ["UpdateImageStorageClass"] = """{"repositoryName":"team/app","imageId":{"imageTag":"1"},"targetStorageClass":"STANDARD"}""",
        ["UpdatePullThroughCacheRule"] = """{"ecrRepositoryPrefix":"kept","customRoleArn":"arn:aws:iam::111111111111:role/r"}""",
        ["UpdateRepositoryCreationTemplate"] = """{"prefix":"kept","description":"d"}""",
        ["UploadLayerPart"] = """{"repositoryName":"team/app","uploadId":"{up}","partFirstByte":0,"partLastByte":2,"layerPartBlob":"AQID"}""",
        ["ValidatePullThroughCacheRule"] = """{"ecrRepositoryPrefix":"up"}""",

        ["secretsmanager CreateSecret"] = """{"Name":"n{n}","SecretString":"s"}""",
        ["secretsmanager DeleteSecret"] = """{"SecretId":"gone","ForceDeleteWithoutRecovery":true}""",
        ["secretsmanager ListSecrets"] = "{}",
        ["secretsmanager PutSecretValue"] = """{"SecretId":"kept","SecretString":"s{n}"}""",
        ["secretsmanager TagResource"] = """{"SecretId":"kept","Tags":[{"Key":"a","Value":"b"}]}""",
        ["secretsmanager UntagResource"] = """{"SecretId":"kept","TagKeys":["a"]}""",
        ["secretsmanager UpdateSecret"] = """{"SecretId":"kept","Description":"d"}""",
        ["secretsmanager UpdateSecretVersionStage"] = """{"SecretId":"kept","VersionStage":"MINE"}""",

        ["millpond AddPin"] = """{"pattern":"up/**"}""",
        ["millpond RemovePin"] = """{"pattern":"up/**"}""",
        ["millpond CreatePrincipal"] = """{"arn":"arn:aws:iam::111111111111:user/u{n}","policies":["PullOnly"]}""",
        ["millpond CreateRobot"] = """{"name":"robot{n}","policies":["PullOnly"]}""",
        ["millpond DeleteAccessKey"] = """{"arn":"arn:aws:iam::111111111111:user/gone","accessKeyId":"{gone}"}""",
        ["millpond DeletePrincipal"] = """{"arn":"arn:aws:iam::111111111111:user/gone2"}""",
        ["millpond DeleteRobot"] = """{"name":"gone"}""",
        ["millpond RunLifecycle"] = """{}""",
        ["millpond RotateAccessKey"] = """{"arn":"arn:aws:iam::111111111111:user/kept"}""",
    };

    private readonly FakeUpstream upstream;
    private readonly MillpondHost host;
    private readonly Dictionary<string, AwsClient> clients = [];
    private readonly Dictionary<string, string> values = [];
    private int number;

    private OperationCallers(FakeUpstream upstream, MillpondHost host) => (this.upstream, this.host) = (upstream, host);

    private AwsClient Owner => clients["owner"];

    public static async Task<OperationCallers> StartAsync()
    {
        var clock = new FakeTimeProvider();
        var upstream = await FakeUpstream.StartAsync();
        var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream)], new() { Time = clock, Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new(Account, "eu-west-1") } });
        var callers = new OperationCallers(upstream, host);
        await callers.MakeAsync(AwsClient.Root(host, clock), clock);
        return callers;
    }

    /// <summary>What each caller is answered.</summary>
    public async Task<IReadOnlyList<int>> AskAsync(string service, string target, string operation)
    {
        var found = new List<int>();
        foreach (var name in Names)
        {
            var input = await FillAsync(Inputs.GetValueOrDefault(service == "ecr" ? operation : $"{service} {operation}") ?? (service == "secretsmanager" ? """{"SecretId":"kept"}""" : "{}"));
            using var request = clients[name].Request(service, System.Text.Encoding.UTF8.GetBytes(input), new() { ["content-type"] = "application/x-amz-json-1.1", ["x-amz-target"] = $"{target}.{operation}" });
            found.Add(await StatusAsync(name, request));
        }

        return found;
    }

    public async Task<IReadOnlyList<int>> AskIdentityAsync()
    {
        var found = new List<int>();
        foreach (var name in Names)
        {
            using var request = clients[name].Request("sts", "Action=GetCallerIdentity&Version=2011-06-15"u8.ToArray(), new() { ["content-type"] = "application/x-www-form-urlencoded" });
            found.Add(await StatusAsync(name, request));
        }

        return found;
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    private async Task<int> StatusAsync(string name, HttpRequestMessage request)
    {
        if (name == "no signature")
        {
            request.Headers.Remove("Authorization");
        }

        return (await Owner.SendAsync(request)).Status;
    }

    private async Task MakeAsync(AwsClient root, FakeTimeProvider clock)
    {
        var session = await root.OwnAsync("CreatePrincipal", $$"""{"arn":"arn:aws:iam::{{Account}}:user/session","policies":["FullAccess"],"lifetimeSeconds":60}""");
        clients["expired"] = root with { KeyId = (string)session.Json["accessKeyId"]!, Secret = (string)session.Json["secretAccessKey"]!, SessionToken = (string)session.Json["sessionToken"]! };
        clock.Advance(TimeSpan.FromSeconds(60));
        clients["owner"] = clients["no signature"] = root;
        clients["wrong key"] = root with { Secret = root.Secret + "x" };
        clients["other account"] = await root.PrincipalAsync("arn:aws:iam::222222222222:role/all", """{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}""");
        clients["reader"] = await root.PrincipalAsync($"arn:aws:iam::{Account}:role/reader", "ReadOnly");
        clients["pusher"] = await root.PrincipalAsync($"arn:aws:iam::{Account}:user/pusher", "PowerUser");
        values["{gone}"] = (await root.PrincipalAsync($"arn:aws:iam::{Account}:user/gone", "ReadOnly")).KeyId;
        await root.PrincipalAsync($"arn:aws:iam::{Account}:user/gone2", "ReadOnly");
        await root.PrincipalAsync($"arn:aws:iam::{Account}:user/kept", "ReadOnly");
        await OkAsync(root.OwnAsync("CreateRobot", """{"name":"gone","policies":["PullOnly"]}"""));
        await OkAsync(root.SecretsAsync("CreateSecret", """{"Name":"kept","SecretString":"s"}"""));
        await OkAsync(root.SecretsAsync("CreateSecret", """{"Name":"gone","SecretString":"s"}"""));
        foreach (var prefix in (string[])["made", "kept"])
        {
            await OkAsync(root.EcrAsync("CreatePullThroughCacheRule", $$"""{"ecrRepositoryPrefix":"{{prefix}}","upstreamRegistryUrl":"quay.io"}"""));
        }

        foreach (var prefix in (string[])["gone", "kept"])
        {
            await OkAsync(root.EcrAsync("CreateRepositoryCreationTemplate", $$"""{"prefix":"{{prefix}}","appliedFor":["PULL_THROUGH_CACHE"]}"""));
        }

        await OkAsync(root.EcrAsync("RegisterPullTimeUpdateExclusion", Inputs["DeregisterPullTimeUpdateExclusion"]));
        foreach (var name in (string[])["team/app", "team/gone"])
        {
            await OkAsync(root.EcrAsync("CreateRepository", $$"""{"repositoryName":"{{name}}"}"""));
        }

        var digest = Digest.Sha256(Layer).ToString();
        var part = $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{{digest}}","size":3}""";
        (values["{layer}"], values["{arn}"]) = (digest, $"arn:aws:ecr:eu-west-1:{Account}:repository/team/app");
        (values["{lifecycle}"], values["{manifest}"]) = (Escaped(Lifecycle), Escaped($$"""{"schemaVersion":2,"mediaType":"{{Manifest}}","config":{{part}},"layers":[] }"""));
        values["{registry}"] = Escaped("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:ListImages","Resource":"arn:aws:ecr:*:*:repository/nothing"}}""");
        values["{repository}"] = Escaped($$$"""{"Statement":{"Effect":"Allow","Principal":{"AWS":"{{{Account}}}"},"Action":"ecr:DescribeImages"}}""");
        await OkAsync(Owner.EcrAsync("CompleteLayerUpload", await FillAsync(Inputs["CompleteLayerUpload"])));
        foreach (var operation in (string[])["PutLifecyclePolicy", "PutRegistryPolicy", "SetRepositoryPolicy"])
        {
            await OkAsync(Owner.EcrAsync(operation, await FillAsync(Inputs[operation])));
        }

        await OkAsync(Owner.EcrAsync("PutImage", (await FillAsync(Inputs["PutImage"])).Replace($"\"t{number}\"", "\"1\"", StringComparison.Ordinal)));
        await OkAsync(Owner.EcrAsync("PutImage", (await FillAsync(Inputs["PutImage"])).Replace("[] }", "[]  }", StringComparison.Ordinal).Replace($"\"t{number}\"", "\"archived\"", StringComparison.Ordinal)));
        await OkAsync(Owner.EcrAsync("UpdateImageStorageClass", Inputs["UpdateImageStorageClass"].Replace("STANDARD", "ARCHIVE", StringComparison.Ordinal)));
        await OkAsync(Owner.EcrAsync("StartLifecyclePolicyPreview", Inputs["GetLifecyclePolicyPreview"]));
    }

    private async Task<string> FillAsync(string input)
    {
        input = input.Replace("{n}", $"{++number}", StringComparison.Ordinal);
        foreach (var (name, value) in values)
        {
            input = input.Replace(name, value, StringComparison.Ordinal);
        }

        return input.Contains("{up}", StringComparison.Ordinal) ? input.Replace("{up}", await UploadAsync(), StringComparison.Ordinal)
            : input.Contains("{full}", StringComparison.Ordinal) ? input.Replace("{full}", await FullUploadAsync(), StringComparison.Ordinal)
            : input;
    }

    private async Task<string> UploadAsync() => (string)(await OkAsync(Owner.EcrAsync("InitiateLayerUpload", Inputs["InitiateLayerUpload"]))).Json["uploadId"]!;

    private async Task<string> FullUploadAsync()
    {
        var id = await UploadAsync();
        await OkAsync(Owner.EcrAsync("UploadLayerPart", Inputs["UploadLayerPart"].Replace("{up}", id, StringComparison.Ordinal)));
        return id;
    }

    private static async Task<AwsAnswer> OkAsync(Task<AwsAnswer> call)
    {
        var answer = await call;
        Assert.True(answer.Status == 200, answer.Text);
        return answer;
    }

    /// <summary>As it stands within a JSON string.</summary>
    private static string Escaped(string json) => JsonValue.Create(json).ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })[1..^1];
}
