using System.Security.Cryptography;
using System.Text;

namespace Millpond.Server.Access.Signatures;

/// <summary>AWS's Signature Version 4: what is signed, and with what.</summary>
public static class SignatureVersion4
{
    private static readonly byte[] Reserved = "-._~"u8.ToArray();

    /// <summary>The signature that a request would have, in hexadecimal.</summary>
    /// <param name="bodyHash">SHA-256 of the body as received, in hexadecimal.</param>
    public static string Sign(SignableRequest request, SignatureClaims claims, string secret, string bodyHash)
    {
        var canonical = Canonical(request, claims, bodyHash);
        var toSign = $"{SignatureClaims.Algorithm}\n{claims.Date}\n{claims.Scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        return Convert.ToHexStringLower(HMACSHA256.HashData(Key(claims, secret), Encoding.UTF8.GetBytes(toSign)));
    }

    private static byte[] Key(SignatureClaims claims, string secret)
    {
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secret), Encoding.UTF8.GetBytes(claims.Day));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(claims.Region));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(claims.Service));
        return HMACSHA256.HashData(key, "aws4_request"u8);
    }

    private static string Canonical(SignableRequest request, SignatureClaims claims, string bodyHash)
    {
        var text = new StringBuilder();
        text.Append(request.Method).Append('\n').Append(request.Path.Length == 0 ? "/" : request.Path).Append('\n');
        var parameters = request.Parameters
            .Where(parameter => parameter.Key != SignableRequest.PresignedSignature || claims.Expires is null)
            .Select(parameter => $"{Encode(parameter.Key)}={Encode(parameter.Value)}").Order(StringComparer.Ordinal);
        text.AppendJoin('&', parameters).Append('\n');
        foreach (var name in claims.SignedHeaders)
        {
            text.Append(name).Append(':').Append(Collapse(request.Header(name) ?? "")).Append('\n');
        }

        return text.Append('\n').AppendJoin(';', claims.SignedHeaders).Append('\n').Append(bodyHash).ToString();
    }

    /// <summary>Without space at its ends, and with one in a row within.</summary>
    private static string Collapse(string value)
    {
        var trimmed = value.Trim(' ');
        return trimmed.Contains("  ", StringComparison.Ordinal) ? string.Join(' ', trimmed.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : trimmed;
    }

    private static string Encode(string value)
    {
        var text = new StringBuilder(value.Length);
        foreach (var one in Encoding.UTF8.GetBytes(value))
        {
            if (char.IsAsciiLetterOrDigit((char)one) || Array.IndexOf(Reserved, one) >= 0)
            {
                text.Append((char)one);
            }
            else
            {
                text.Append('%').Append(Convert.ToHexString([one]));
            }
        }

        return text.ToString();
    }
}
