using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>Secrets as Secrets Manager keeps them, and what is on the disk of them.</summary>
public sealed class SecretTests
{
    private const string Name = "ecr-pullthroughcache/docker-hub";
    private const string Value = "hunter2-hunter2-hunter2";

    [Fact]
    public async Task A_secret_is_made_read_changed_and_deleted()
    {
        var clock = new FakeTimeProvider();
        await using var host = await MillpondHost.StartAsync([], new() { Time = clock, Configure = Configured });
        var root = AwsClient.Root(host, clock);
        var made = await root.SecretsAsync("CreateSecret", $$"""{"Name":"{{Name}}","SecretString":"{{Value}}","Description":"d","Tags":[{"Key":"a","Value":"b"}]}""");
        var arn = (string)made.Json["ARN"]!;
        Assert.Matches($"^arn:aws:secretsmanager:eu-west-1:111111111111:secret:{Name}-[A-Za-z0-9]{{6}}$", arn);
        Assert.Equal("ResourceExistsException", (await root.SecretsAsync("CreateSecret", $$"""{"Name":"{{Name}}","SecretString":"x"}""")).Type);

        foreach (var id in (string[])[Name, arn, arn[..^7]])
        {
            var got = await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{id}}"}""");
            Assert.Equal((Value, Name, arn), ((string)got.Json["SecretString"]!, (string)got.Json["Name"]!, (string)got.Json["ARN"]!));
            Assert.Equal("AWSCURRENT", (string)got.Json["VersionStages"]![0]!);
        }

        var first = (string)made.Json["VersionId"]!;
        clock.Advance(TimeSpan.FromSeconds(1));
        var put = await root.SecretsAsync("PutSecretValue", $$"""{"SecretId":"{{Name}}","SecretBinary":"AQID"}""");
        Assert.Equal("AQID", (string)(await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Json["SecretBinary"]!);
        Assert.Equal(Value, (string)(await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}","VersionStage":"AWSPREVIOUS"}""")).Json["SecretString"]!);
        var moved = await root.SecretsAsync(
            "UpdateSecretVersionStage",
            $$"""{"SecretId":"{{Name}}","VersionStage":"AWSCURRENT","RemoveFromVersionId":"{{put.Json["VersionId"]}}","MoveToVersionId":"{{first}}"}""");
        Assert.Equal(200, moved.Status);
        Assert.Equal(Value, (string)(await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Json["SecretString"]!);

        var described = (await root.SecretsAsync("DescribeSecret", $$"""{"SecretId":"{{Name}}"}""")).Json;
        Assert.Equal("d", (string)described["Description"]!);
        Assert.Equal("AWSCURRENT", (string)described["VersionIdsToStages"]![first]![0]!);
        Assert.Equal(Name, (string)(await root.SecretsAsync("ListSecrets", """{"Filters":[{"Key":"name","Values":["ecr-"]}]}""")).Json["SecretList"]![0]!["Name"]!);

        Assert.Equal(200, (await root.SecretsAsync("DeleteSecret", $$"""{"SecretId":"{{Name}}","RecoveryWindowInDays":7}""")).Status);
        Assert.Equal("InvalidRequestException", (await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Type);
        Assert.Equal("InvalidRequestException", (await root.SecretsAsync("CreateSecret", $$"""{"Name":"{{Name}}"}""")).Type);
        Assert.Equal(200, (await root.SecretsAsync("RestoreSecret", $$"""{"SecretId":"{{Name}}"}""")).Status);
        Assert.Equal(200, (await root.SecretsAsync("DeleteSecret", $$"""{"SecretId":"{{Name}}","RecoveryWindowInDays":7}""")).Status);
        clock.Advance(TimeSpan.FromDays(7));
        Assert.Equal("ResourceNotFoundException", (await root.SecretsAsync("DescribeSecret", $$"""{"SecretId":"{{Name}}"}""")).Type);
    }

    [Theory]
    [InlineData("CreateSecret", """{"Name":"a b"}""", "ValidationException")]
    [InlineData("CreateSecret", """{"Name":"a","SecretString":"a","SecretBinary":"AQID"}""", "InvalidParameterException")]
    [InlineData("CreateSecret", """{"Name":"a","SecretBinary":"?"}""", "InvalidParameterException")]
    [InlineData("GetSecretValue", """{"SecretId":"nothing"}""", "ResourceNotFoundException")]
    [InlineData("PutSecretValue", """{"SecretId":"nothing","SecretString":"x"}""", "ResourceNotFoundException")]
    [InlineData("DeleteSecret", """{"SecretId":"nothing","RecoveryWindowInDays":6}""", "ValidationException")]
    public async Task A_mistake_is_named_without_the_value(string operation, string input, string type)
    {
        await using var host = await MillpondHost.StartAsync([], new() { Configure = Configured });
        var answer = await AwsClient.Root(host).SecretsAsync(operation, input);
        Assert.Equal(type, answer.Type);
        Assert.Contains("\"Message\"", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_who_may_reads_one()
    {
        await using var host = await MillpondHost.StartAsync([], new() { Configure = Configured });
        var root = AwsClient.Root(host);
        await root.SecretsAsync("CreateSecret", $$"""{"Name":"{{Name}}","SecretString":"{{Value}}"}""");
        var open = """{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}""";
        Assert.Equal(200, (await root.EcrAsync("PutRegistryPolicy", System.Text.Json.JsonSerializer.Serialize(new { policyText = open }))).Status);
        var full = await root.PrincipalAsync("arn:aws:iam::111111111111:role/full", "FullAccess");
        var other = await root.PrincipalAsync("arn:aws:iam::222222222222:role/all", """{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}""");
        var one = await root.PrincipalAsync(
            "arn:aws:iam::111111111111:role/one", """{"Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*:secret:ecr-pullthroughcache/*"}}""");
        foreach (var client in (AwsClient[])[full, other])
        {
            Assert.Equal("AccessDeniedException", (await client.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Type);
        }

        Assert.Equal(200, (await one.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Status);
        Assert.Equal("AccessDeniedException", (await one.SecretsAsync("DeleteSecret", $$"""{"SecretId":"{{Name}}"}""")).Type);
        Assert.Equal("AccessDeniedException", (await one.SecretsAsync("GetSecretValue", """{"SecretId":"other"}""")).Type);
    }

    [Fact]
    public async Task Nothing_secret_is_on_the_disk_or_in_the_log_and_the_key_can_be_changed()
    {
        using var folder = new TemporaryFolder();
        string secret, keySecret;
        await using (var host = await MillpondHost.StartAsync([], new() { Configure = Configured, Data = folder }))
        {
            var root = AwsClient.Root(host);
            (secret, keySecret) = (Value, root.Secret);
            await root.SecretsAsync("CreateSecret", $$"""{"Name":"{{Name}}","SecretString":"{{Value}}"}""");
            var other = await root.PrincipalAsync("arn:aws:iam::111111111111:role/reader", "ReadOnly");
            var rotated = await root.OwnAsync("RotateSealingKey");
            Assert.True((int)rotated.Json["sealed"]! >= 4, rotated.Text);
            Assert.Equal(Value, (string)(await root.SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Json["SecretString"]!);
            Assert.Equal(200, (await other.EcrAsync("GetAuthorizationToken")).Status);
            await host.RestartAsync();
            Assert.Equal(Value, (string)(await (root with { Address = host.Address }).SecretsAsync("GetSecretValue", $$"""{"SecretId":"{{Name}}"}""")).Json["SecretString"]!);
            Assert.DoesNotContain(host.Log.Lines, line => line.ToString().Contains(Value, StringComparison.Ordinal) || line.ToString().Contains(keySecret, StringComparison.Ordinal));
        }

        var found = Directory.EnumerateFiles(folder.File("data"), "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "root-credentials")
            .Where(path => Holds(path, secret) || Holds(path, keySecret));
        Assert.Empty(found);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("data/secrets/key")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("data/root-credentials")));
    }

    [Fact]
    public async Task A_catalog_without_its_key_says_so()
    {
        using var folder = new TemporaryFolder();
        await using (await MillpondHost.StartAsync([], new() { Configure = Configured, Data = folder }))
        {
        }

        File.Delete(folder.File("data/secrets/key"));
        var failure = await Assert.ThrowsAsync<Millpond.Server.ServerStartException>(() => MillpondHost.StartAsync([], new() { Configure = Configured, Data = folder }));
        Assert.Contains("without it they are lost, and the catalog's copy is useless", failure.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("data/secrets/key")));
    }

    private static ServerConfiguration Configured(ServerConfiguration configuration) => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") };

    private static bool Holds(string path, string text) => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(path)).Contains(text, StringComparison.Ordinal);
}
