using System.Security.Cryptography;
using Millpond.Server.Access.Signatures;

namespace Millpond.Tests.Access;

/// <summary>Signatures by the vectors that AWS publishes, and what is refused.</summary>
public sealed class SignatureTests
{
    private const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private const string Date = "20150830T123600Z";

    private static readonly DateTimeOffset Now = new(2015, 8, 30, 12, 36, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    [InlineData("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]
    [InlineData("GET", "Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")]
    public void The_published_vectors_hold(string method, string query, string signature)
    {
        var request = Request(method, query, Authorization("host;x-amz-date", signature));
        var claims = Claims(request);
        Assert.True(SignatureCheck.Holds(request, claims, Secret, Hash("")));
        Assert.False(SignatureCheck.Holds(request, claims, Secret + "x", Hash("")));
        Assert.False(SignatureCheck.Holds(request, claims, Secret, Hash("x")));
    }

    [Theory]
    [InlineData(-301, "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)")]
    [InlineData(301, "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)")]
    [InlineData(-299, null)]
    [InlineData(299, null)]
    public void Clocks_may_be_five_minutes_apart(int ahead, string? fault)
    {
        var request = Request("POST", "", Authorization("host;x-amz-date", "0"));
        var found = SignatureCheck.CheckClaims(Claims(request), request, "service", Now.AddSeconds(-ahead), "host", "x-amz-date");
        Assert.Equal(fault, found?.Message);
    }

    [Theory]
    [InlineData("other", "Credential should be scoped to correct service: 'other'.")]
    public void It_is_for_one_service(string service, string fault)
    {
        var request = Request("POST", "", Authorization("host;x-amz-date", "0"));
        Assert.Equal(fault, SignatureCheck.CheckClaims(Claims(request), request, service, Now)?.Message);
    }

    [Fact]
    public void What_matters_must_be_signed()
    {
        var request = Request("POST", "", Authorization("x-amz-date", "0"), ("x-amz-target", "a.b"));
        Assert.Equal("'Host' must be a 'SignedHeader' in the AWS Authorization.", SignatureCheck.CheckClaims(Claims(request), request, "service", Now, "host")?.Message);
        Assert.Equal(
            "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.", SignatureCheck.CheckClaims(Claims(request), request, "service", Now, "x-amz-target")?.Message);
    }

    [Theory]
    [InlineData("Bearer x", "MissingAuthenticationTokenException")]
    [InlineData("AWS4-HMAC-SHA512 Credential=a", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service, SignedHeaders=host, Signature=0", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=host;Host, Signature=0", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws4_request, SignedHeaders=x-amz-date;host, Signature=0", "IncompleteSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150829/us-east-1/service/aws4_request, SignedHeaders=host, Signature=0", "InvalidSignatureException")]
    [InlineData("AWS4-HMAC-SHA256 Credential=A/20150830/us east/service/aws4_request, SignedHeaders=host, Signature=0", "IncompleteSignatureException")]
    public void What_is_no_signature_is_named(string authorization, string type) => Assert.Equal(type, SignatureClaims.Read(Request("POST", "", authorization)).Fault?.Type);

    [Fact]
    public void A_request_can_be_signed_beforehand()
    {
        const string Query =
            "Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"
            + "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host";
        var unsigned = Request("GET", Query + "&X-Amz-Signature=0", null);
        var signature = SignatureVersion4.Sign(unsigned, Claims(unsigned), Secret, Hash(""));
        var request = Request("GET", $"{Query}&X-Amz-Signature={signature}", null);
        Assert.True(SignatureCheck.Holds(request, Claims(request), Secret, Hash("")));
        Assert.False(SignatureCheck.Holds(Request("GET", $"{Query}&More=1&X-Amz-Signature={signature}", null), Claims(request), Secret, Hash("")));
        Assert.Null(SignatureCheck.CheckClaims(Claims(request), request, "service", Now.AddSeconds(60), "host"));
        Assert.Equal("InvalidSignatureException", SignatureCheck.CheckClaims(Claims(request), request, "service", Now.AddSeconds(61), "host")?.Type);
        Assert.Equal("IncompleteSignatureException", SignatureClaims.Read(Request("GET", (Query + "&X-Amz-Signature=0").Replace("=60", "=604801", StringComparison.Ordinal), null)).Fault?.Type);
    }

    private static string Authorization(string headers, string signature) =>
        $"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={headers}, Signature={signature}";

    private static SignableRequest Request(string method, string query, string? authorization, params (string Name, string Value)[] more)
    {
        var headers = new Dictionary<string, string?> { ["host"] = "example.amazonaws.com", ["x-amz-date"] = Date, ["authorization"] = authorization };
        foreach (var (name, value) in more)
        {
            headers[name] = value;
        }

        return new(method, "/", query, name => headers.GetValueOrDefault(name));
    }

    private static SignatureClaims Claims(SignableRequest request)
    {
        var (claims, fault) = SignatureClaims.Read(request);
        Assert.Null(fault);
        return claims!;
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));
}
