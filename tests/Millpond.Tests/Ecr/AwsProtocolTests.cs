using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>The protocol of <c>POST /</c>: who is let in, and how AWS says that somebody is not.</summary>
public sealed class AwsProtocolTests
{
    private static readonly MillpondHostOptions Token = new() { Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } };

    [Fact]
    public async Task A_login_is_given_and_taken()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var answer = await AwsClient.Root(host).EcrAsync("GetAuthorizationToken");
        Assert.Equal(200, answer.Status);
        Assert.True(Guid.TryParse(answer.Headers.GetValues("x-amzn-RequestId").Single(), out _));
        var data = answer.Json["authorizationData"]![0]!;
        Assert.Equal(host.Address.GetLeftPart(UriPartial.Authority), (string)data["proxyEndpoint"]!);
        Assert.InRange((double)data["expiresAt"]!, TimeProvider.System.GetUtcNow().AddHours(11.9).ToUnixTimeSeconds(), TimeProvider.System.GetUtcNow().AddHours(12.1).ToUnixTimeSeconds());
        var token = (string)data["authorizationToken"]!;
        Assert.DoesNotContain('+', token);
        Assert.DoesNotContain('/', token);
        Assert.Equal(2, Encoding.ASCII.GetString(Convert.FromBase64String(token)).Split(':').Length);
        Assert.Equal(200, await VersionAsync(host, "Basic " + token));
    }

    [Fact]
    public async Task Who_asks_is_told_who_he_is()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        using var request = root.Request("sts", "Action=GetCallerIdentity&Version=2011-06-15"u8.ToArray(), new() { ["content-type"] = "application/x-www-form-urlencoded" });
        var answer = await root.SendAsync(request);
        Assert.Equal(200, answer.Status);
        Assert.Contains("<Arn>arn:aws:iam::111111111111:root</Arn>", answer.Text, StringComparison.Ordinal);
        Assert.Contains("<Account>111111111111</Account>", answer.Text, StringComparison.Ordinal);
        using var other = root.Request("sts", "Action=AssumeRole"u8.ToArray(), new() { ["content-type"] = "application/x-www-form-urlencoded" });
        Assert.Equal("InvalidAction", (await root.SendAsync(other)).Type);
    }

    [Theory]
    [InlineData("unsigned", 403, "MissingAuthenticationTokenException")]
    [InlineData("wrong secret", 403, "InvalidSignatureException")]
    [InlineData("unknown key", 403, "UnrecognizedClientException")]
    [InlineData("late", 403, "InvalidSignatureException")]
    [InlineData("early", 403, "InvalidSignatureException")]
    [InlineData("body changed", 403, "InvalidSignatureException")]
    [InlineData("target changed", 403, "InvalidSignatureException")]
    [InlineData("target not signed", 403, "InvalidSignatureException")]
    [InlineData("other service", 403, "InvalidSignatureException")]
    [InlineData("session token", 403, "UnrecognizedClientException")]
    [InlineData("unknown operation", 404, "UnknownOperationException")]
    [InlineData("unknown service", 404, "UnknownOperationException")]
    [InlineData("no JSON", 400, "SerializationException")]
    [InlineData("twice", 400, "SerializationException")]
    [InlineData("half a letter", 400, "SerializationException")]
    [InlineData("wrong type", 400, "SerializationException")]
    [InlineData("missing", 400, "InvalidParameterException")]
    [InlineData("too large", 413, "RequestEntityTooLargeException")]
    public async Task What_does_not_hold_is_refused(string what, int status, string type)
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var now = TimeProvider.System.GetUtcNow();
        const string Target = AwsClient.EcrTarget + ".GetAccountSetting";
        var body = what switch
        {
            "no JSON" => "[1",
            "twice" => """{"name":"BLOB_MOUNTING","name":"BLOB_MOUNTING"}""",
            "half a letter" => """{"name":"\ud800"}""",
            "wrong type" => """{"name":7}""",
            "missing" => "{}",
            "too large" => $$"""{"name":"{{new string('x', 300_000)}}"}""",
            _ => """{"name":"BLOB_MOUNTING"}""",
        };
        var target = what switch { "unknown operation" => AwsClient.EcrTarget + ".Nothing", "unknown service" => "Nothing.Nothing", _ => Target };
        var headers = new SortedDictionary<string, string> { ["content-type"] = "application/x-amz-json-1.1" };
        if (what is not ("target changed" or "target not signed"))
        {
            headers["x-amz-target"] = target;
        }

        if (what == "target changed")
        {
            headers["x-amz-target"] = AwsClient.EcrTarget + ".DescribeRegistry";
        }

        var client = what switch
        {
            "unknown key" => root with { KeyId = "AKIANOTHINGNOTHING00" },
            "session token" => root with { SessionToken = "x" },
            _ => root,
        };
        using var request = client.Request(
            what == "other service" ? "secretsmanager" : "ecr", Encoding.UTF8.GetBytes(body), headers, what == "wrong secret" ? root.Secret + "x" : null,
            what switch { "late" => now.AddMinutes(-6), "early" => now.AddMinutes(6), _ => null });
        if (what == "unsigned")
        {
            request.Headers.Remove("Authorization");
        }

        if (what is "target changed" or "target not signed")
        {
            request.Headers.Remove("x-amz-target");
            request.Headers.Add("x-amz-target", Target);
        }

        if (what == "body changed")
        {
            request.Content = new StringContent("""{"name":"REGISTRY_POLICY_SCOPE"}""", Encoding.UTF8, "application/x-amz-json-1.1");
            request.Content.Headers.Remove("Content-Type");
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-amz-json-1.1");
        }

        var answer = await client.SendAsync(request);
        Assert.Equal((status, type), (answer.Status, answer.Type));
    }

    [Theory]
    [InlineData("GetAccountSetting", """{"name":""}""", "Invalid parameter at 'name' failed to satisfy constraint: 'Member must have length greater than or equal to 1'")]
    [InlineData("GetAccountSetting", """{"name":"X"}""", "Invalid parameter at 'name' failed to satisfy constraint: 'Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]'")]
    [InlineData("GetAccountSetting", "{}", "Invalid parameter at 'name' failed to satisfy constraint: 'Member must not be null'")]
    [InlineData("GetAuthorizationToken", """{"registryIds":["1"]}""", "Invalid parameter at 'registryIds.1.member' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''")]
    [InlineData("GetAuthorizationToken", """{"registryIds":[]}""", "Invalid parameter at 'registryIds' failed to satisfy constraint: 'Member must have length greater than or equal to 1'")]
    [InlineData("ListPullTimeUpdateExclusions", """{"maxResults":0}""", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value greater than or equal to 1'")]
    [InlineData("ListPullTimeUpdateExclusions", """{"nextToken":"!"}""", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'")]
    [InlineData("PutRegistryScanningConfiguration", """{"scanType":"basic"}""", "Invalid parameter at 'scanType' failed to satisfy constraint: 'Member must satisfy enum value set: [BASIC, ENHANCED]'")]
    public async Task Constraints_are_told_in_aws_s_words(string operation, string input, string message)
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        Assert.Equal(message, (await AwsClient.Root(host).EcrAsync(operation, input)).Message);
    }

    [Fact]
    public async Task Who_may_not_is_told_as_on_aws_and_written_down()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var reader = await AwsClient.Root(host).PrincipalAsync("arn:aws:iam::111111111111:role/reader", "ReadOnly");
        var answer = await reader.EcrAsync("PutRegistryPolicy", """{"policyText":"{}"}""");
        Assert.Equal((403, "AccessDeniedException"), (answer.Status, answer.Type));
        Assert.Equal(
            "User: arn:aws:iam::111111111111:role/reader is not authorized to perform: ecr:PutRegistryPolicy on resource: * because no identity-based policy allows the ecr:PutRegistryPolicy action",
            answer.Message);
        Assert.Contains(host.Log.Lines, line => line.Message.Contains("audit: arn:aws:iam::111111111111:role/reader", StringComparison.Ordinal)
            && line.Message.Contains("AccessDeniedException", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_session_needs_its_token_and_ends()
    {
        var clock = new FakeTimeProvider();
        await using var host = await MillpondHost.StartAsync([], Token with { Time = clock });
        var root = AwsClient.Root(host, clock);
        var made = await root.OwnAsync("CreatePrincipal", """{"arn":"arn:aws:iam::111111111111:user/ci","policies":["PullOnly"],"lifetimeSeconds":3600}""");
        var session = root with { KeyId = (string)made.Json["accessKeyId"]!, Secret = (string)made.Json["secretAccessKey"]!, SessionToken = (string)made.Json["sessionToken"]! };
        Assert.Equal(200, (await session.EcrAsync("GetAuthorizationToken")).Status);
        Assert.Equal("UnrecognizedClientException", (await (session with { SessionToken = null }).EcrAsync("GetAuthorizationToken")).Type);
        Assert.Equal("UnrecognizedClientException", (await (session with { SessionToken = "x" }).EcrAsync("GetAuthorizationToken")).Type);
        var login = await session.LoginAsync();
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(200, await VersionAsync(host, login));
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("ExpiredTokenException", (await session.EcrAsync("GetAuthorizationToken")).Type);
        Assert.Equal(401, await VersionAsync(host, login));
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public async Task Ten_thousand_mutations_are_neither_accepted_nor_a_failure_of_ours()
    {
        await using var host = await MillpondHost.StartAsync([], Token);
        var root = AwsClient.Root(host);
        var random = new Random(20261128);
        for (var round = 0; round < 10_000; round++)
        {
            var body = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { name = "REGISTRY_POLICY_SCOPE" }));
            using var request = root.Request(
                "ecr", body, new() { ["content-type"] = "application/x-amz-json-1.1", ["x-amz-target"] = AwsClient.EcrTarget + ".GetAccountSetting" });
            if (!Mutate(request, body, random))
            {
                continue;
            }

            var answer = await root.SendAsync(request);
            Assert.True(answer.Status is >= 400 and < 500, $"{round}: {answer.Status} {answer.Text}");
        }
    }

    /// <summary>Changes a character somewhere in what is signed; false where that changed nothing.</summary>
    private static bool Mutate(HttpRequestMessage request, byte[] body, Random random)
    {
        var place = random.Next(5);
        if (place == 0)
        {
            body = [.. body];
            var at = random.Next(body.Length);
            var changed = (byte)random.Next(256);
            if (body[at] == changed)
            {
                return false;
            }

            body[at] = changed;
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-amz-json-1.1");
            return true;
        }

        var name = place switch { 1 => "x-amz-target", 2 => "x-amz-date", _ => "Authorization" };
        var value = request.Headers.GetValues(name).Single();
        var index = random.Next(value.Length);
        var letter = (char)random.Next(33, 127);

        // A comma parts two parameters of the header as one and a space do.
        if (value[index] == letter || (name == "Authorization" && (value[index] is ',' or ' ' || letter is ',' or ' ')))
        {
            return false;
        }

        request.Headers.Remove(name);
        request.Headers.TryAddWithoutValidation(name, string.Concat(value.AsSpan(0, index), letter.ToString(), value.AsSpan(index + 1)));
        return true;
    }

    private static async Task<int> VersionAsync(MillpondHost host, string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/v2/"));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var response = await host.Client.SendAsync(request);
        return (int)response.StatusCode;
    }
}
