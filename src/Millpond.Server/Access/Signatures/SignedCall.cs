using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Millpond.Server.Access.Signatures;

/// <summary>Calls of the JSON 1.1 protocol, signed as AWS tools sign theirs.</summary>
public static class SignedCall
{
    private const string MediaType = "application/x-amz-json-1.1";

    /// <param name="server">Where the service is; its path does not count.</param>
    /// <param name="target">What <c>X-Amz-Target</c> says.</param>
    public static HttpRequestMessage Make(Uri server, string region, string service, string target, byte[] body, AwsCredentials credentials, DateTimeOffset now)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["content-type"] = MediaType,
            ["host"] = server.Authority,
            ["x-amz-date"] = now.ToUniversalTime().ToString(SignatureClaims.DateFormat, CultureInfo.InvariantCulture),
            ["x-amz-target"] = target,
        };
        if (credentials.SessionToken is not null)
        {
            headers["x-amz-security-token"] = credentials.SessionToken;
        }

        var claims = new SignatureClaims
        {
            KeyId = credentials.KeyId,
            Day = headers["x-amz-date"][..8],
            Region = region,
            Service = service,
            SignedHeaders = [.. headers.Keys],
            Signature = "",
            Date = headers["x-amz-date"],
            Time = now,
        };
        var signature = SignatureVersion4.Sign(
            new SignableRequest("POST", "/", "", name => headers.GetValueOrDefault(name)), claims, credentials.Secret, Convert.ToHexStringLower(SHA256.HashData(body)));
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server, "/")) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(MediaType);
        foreach (var (name, value) in headers.Where(header => header.Key.StartsWith("x-amz", StringComparison.Ordinal)))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Headers.TryAddWithoutValidation(
            "Authorization", $"{SignatureClaims.Algorithm} Credential={claims.KeyId}/{claims.Scope}, SignedHeaders={string.Join(';', claims.SignedHeaders)}, Signature={signature}");
        return request;
    }
}
