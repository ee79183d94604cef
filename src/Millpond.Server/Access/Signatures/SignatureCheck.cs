using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Millpond.Server.Access.Signatures;

/// <summary>Whether a signature holds. Pure but for the clock that is passed in.</summary>
public static class SignatureCheck
{
    /// <summary>How far a client's clock may be off.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    /// <summary>What can be said before the body is read: the time, the service, and that what matters is signed.</summary>
    /// <param name="service">The name that the request must be signed for.</param>
    /// <param name="needed">Headers that must be signed where they were sent.</param>
    public static SignatureFault? CheckClaims(SignatureClaims claims, SignableRequest request, string service, DateTimeOffset now, params ReadOnlySpan<string> needed)
    {
        if (claims.Service != service)
        {
            return SignatureFault.Invalid($"Credential should be scoped to correct service: '{service}'.");
        }

        if (CheckTime(claims, now) is { } late)
        {
            return late;
        }

        foreach (var name in needed)
        {
            if (!claims.SignedHeaders.Contains(name) && (name == "host" || request.Header(name) is not null))
            {
                return SignatureFault.Invalid($"'{(name == "host" ? "Host" : name)}' must be a 'SignedHeader' in the AWS Authorization.");
            }
        }

        return null;
    }

    /// <summary>Compares in constant time.</summary>
    /// <inheritdoc cref="SignatureVersion4.Sign"/>
    public static bool Holds(SignableRequest request, SignatureClaims claims, string secret, string bodyHash) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(SignatureVersion4.Sign(request, claims, secret, bodyHash)), Encoding.UTF8.GetBytes(claims.Signature));

    private static SignatureFault? CheckTime(SignatureClaims claims, DateTimeOffset now)
    {
        if (claims.Time > now + Skew)
        {
            return SignatureFault.Invalid($"Signature not yet current: {claims.Date} is still later than {Text(now + Skew)} ({Text(now)} + {Skew.TotalMinutes:0} min.)");
        }

        if (claims.Expires is { } valid)
        {
            return claims.Time + valid < now ? SignatureFault.Invalid($"Signature expired: {Text(claims.Time + valid)} is now earlier than {Text(now)}") : null;
        }

        return claims.Time < now - Skew
            ? SignatureFault.Invalid($"Signature expired: {claims.Date} is now earlier than {Text(now - Skew)} ({Text(now)} - {Skew.TotalMinutes:0} min.)")
            : null;
    }

    private static string Text(DateTimeOffset time) => time.ToUniversalTime().ToString(SignatureClaims.DateFormat, CultureInfo.InvariantCulture);
}
