using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Server.Access.Signatures;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>What an operation answered.</summary>
public sealed record AwsAnswer(int Status, string Text, HttpResponseHeaders Headers)
{
    public JsonNode Json => JsonNode.Parse(Text)!;

    /// <summary>The error's type, or <c>ok</c>.</summary>
    public string Type => Status == 200 ? "ok" : Text.StartsWith('<') ? Text.Split("<Code>")[1].Split('<')[0] : (string)Json["__type"]!;

    public string Message => (string?)(Json["message"] ?? Json[nameof(Message)]) ?? "";
}

/// <summary>Calls operations as an AWS SDK does: JSON 1.1, signed.</summary>
public sealed record AwsClient(HttpClient Http, Uri Address, string KeyId, string Secret, TimeProvider Time)
{
    public const string EcrTarget = "AmazonEC2ContainerRegistry_V20150921";

    public string? SessionToken { get; init; }

    /// <summary>With the key of the first start.</summary>
    public static AwsClient Root(MillpondHost host, TimeProvider? time = null)
    {
        var lines = File.ReadAllLines(Path.Join(host.DataFolder, "root-credentials"));
        return new(host.Client, host.Address, Value("aws_access_key_id"), Value("aws_secret_access_key"), time ?? TimeProvider.System);

        string Value(string name) => lines.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(" = ")[1];
    }

    public Task<AwsAnswer> EcrAsync(string operation, string json = "{}") => CallAsync("ecr", $"{EcrTarget}.{operation}", json);

    public Task<AwsAnswer> SecretsAsync(string operation, string json = "{}") => CallAsync("secretsmanager", $"secretsmanager.{operation}", json);

    public Task<AwsAnswer> OwnAsync(string operation, string json = "{}") => CallAsync("millpond", $"Millpond_V1.{operation}", json);

    public async Task<AwsAnswer> CallAsync(string service, string target, string json)
    {
        using var request = Request(service, Encoding.UTF8.GetBytes(json), new() { ["content-type"] = "application/x-amz-json-1.1", ["x-amz-target"] = target });
        return await SendAsync(request);
    }

    public async Task<AwsAnswer> SendAsync(HttpRequestMessage request)
    {
        using var response = await Http.SendAsync(request);
        return new((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    /// <summary>A principal of its own with a key.</summary>
    public async Task<AwsClient> PrincipalAsync(string arn, params string[] policies)
    {
        var answer = await OwnAsync("CreatePrincipal", JsonSerializer.Serialize(new { arn, policies }));
        Assert.True(answer.Status == 200, answer.Text);
        return this with { KeyId = (string)answer.Json["accessKeyId"]!, Secret = (string)answer.Json["secretAccessKey"]! };
    }

    /// <summary>A login for <c>/v2/</c>, as Basic takes it.</summary>
    public async Task<string> LoginAsync()
    {
        var answer = await EcrAsync("GetAuthorizationToken");
        Assert.True(answer.Status == 200, answer.Text);
        return "Basic " + (string)answer.Json["authorizationData"]![0]!["authorizationToken"]!;
    }

    /// <summary>A signed request.</summary>
    /// <param name="headers">In lower case; all are signed.</param>
    public HttpRequestMessage Request(string service, byte[] body, SortedDictionary<string, string> headers, string? secret = null, DateTimeOffset? at = null)
    {
        var now = at ?? Time.GetUtcNow();
        headers["host"] = Address.Authority;
        headers["x-amz-date"] = now.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        if (SessionToken is not null)
        {
            headers["x-amz-security-token"] = SessionToken;
        }

        var claims = new SignatureClaims
        {
            KeyId = KeyId,
            Day = headers["x-amz-date"][..8],
            Region = "eu-west-1",
            Service = service,
            SignedHeaders = [.. headers.Keys.Order(StringComparer.Ordinal)],
            Signature = "",
            Date = headers["x-amz-date"],
            Time = now,
        };
        var signable = new SignableRequest("POST", "/", "", name => headers.GetValueOrDefault(name));
        var signature = SignatureVersion4.Sign(signable, claims, secret ?? Secret, Convert.ToHexStringLower(SHA256.HashData(body)));
        var request = new HttpRequestMessage(HttpMethod.Post, Address) { Content = new ByteArrayContent(body) };
        foreach (var (name, value) in headers.Where(header => header.Key != "host"))
        {
            if (name == "content-type")
            {
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
            else
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        request.Headers.TryAddWithoutValidation(
            "Authorization", $"AWS4-HMAC-SHA256 Credential={KeyId}/{claims.Scope}, SignedHeaders={string.Join(';', claims.SignedHeaders)}, Signature={signature}");
        return request;
    }
}
