using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Millpond.Server.Access.Signatures;

/// <summary>What a request says of its own signature, in its header or its query; nothing of it is believed yet.</summary>
public sealed partial record SignatureClaims
{
    public const string Algorithm = "AWS4-HMAC-SHA256";

    private const string Terminator = "aws4_request";
    /// <summary>Of <c>x-amz-date</c>.</summary>
    internal const string DateFormat = "yyyyMMdd'T'HHmmss'Z'";

    /// <summary>The longest that a presigned request can be valid: seven days.</summary>
    private const int LongestExpiry = 604_800;

    public required string KeyId { get; init; }

    /// <summary><c>yyyyMMdd</c>.</summary>
    public required string Day { get; init; }

    public required string Region { get; init; }

    public required string Service { get; init; }

    /// <summary>In lower case, in order.</summary>
    public required ImmutableArray<string> SignedHeaders { get; init; }

    public required string Signature { get; init; }

    /// <summary>As sent: it is part of what is signed.</summary>
    public required string Date { get; init; }

    public required DateTimeOffset Time { get; init; }

    public string? SessionToken { get; init; }

    /// <summary>How long a presigned request holds; null where the signature is in the header.</summary>
    public TimeSpan? Expires { get; init; }

    public string Scope => $"{Day}/{Region}/{Service}/{Terminator}";

    /// <summary>Reads them, or says what is missing.</summary>
    public static (SignatureClaims? Claims, SignatureFault? Fault) Read(SignableRequest request)
    {
        if (request.Header("authorization") is { Length: > 0 } header)
        {
            return ReadHeader(request, header);
        }

        return request.Parameter(SignableRequest.PresignedSignature) is null ? (null, SignatureFault.Missing) : ReadQuery(request);
    }

    private static (SignatureClaims? Claims, SignatureFault? Fault) ReadHeader(SignableRequest request, string header)
    {
        if (!header.StartsWith(Algorithm + " ", StringComparison.Ordinal))
        {
            return header.StartsWith("AWS4-", StringComparison.Ordinal)
                ? (null, SignatureFault.Incomplete("Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is known."))
                : (null, SignatureFault.Missing);
        }

        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in header[Algorithm.Length..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !parts.TryAdd(part[..equals], part[(equals + 1)..]))
            {
                return (null, SignatureFault.Incomplete("Authorization header is malformed."));
            }
        }

        foreach (var needed in (string[])["Credential", "SignedHeaders", "Signature"])
        {
            if (!parts.ContainsKey(needed))
            {
                return (null, SignatureFault.Incomplete($"Authorization header requires '{needed}' parameter."));
            }
        }

        return request.Header("x-amz-date") is { } date
            ? Make(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date, request.Header("x-amz-security-token"), null)
            : (null, SignatureFault.Incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."));
    }

    private static (SignatureClaims? Claims, SignatureFault? Fault) ReadQuery(SignableRequest request)
    {
        if (request.Parameter("X-Amz-Algorithm") != Algorithm)
        {
            return (null, SignatureFault.Incomplete("AWS query-string parameters must include a supported 'X-Amz-Algorithm'."));
        }

        var (credential, headers, date) = (request.Parameter("X-Amz-Credential"), request.Parameter("X-Amz-SignedHeaders"), request.Parameter("X-Amz-Date"));
        if (credential is null || headers is null || date is null)
        {
            return (null, SignatureFault.Incomplete("AWS query-string parameters must include 'X-Amz-Credential', 'X-Amz-SignedHeaders' and 'X-Amz-Date'."));
        }

        var hasExpiry = int.TryParse(request.Parameter("X-Amz-Expires"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds);
        return hasExpiry && seconds is > 0 and <= LongestExpiry
            ? Make(credential, headers, request.Parameter(SignableRequest.PresignedSignature)!, date, request.Parameter("X-Amz-Security-Token"), TimeSpan.FromSeconds(seconds))
            : (null, SignatureFault.Incomplete($"X-Amz-Expires must be a number of seconds, {LongestExpiry} at most."));
    }

    private static (SignatureClaims? Claims, SignatureFault? Fault) Make(
        string credential, string headers, string signature, string date, string? token, TimeSpan? expires)
    {
        var scope = credential.Split('/');
        if (scope.Length != 5 || scope[4] != Terminator || !scope.Take(4).All(part => ScopePart().IsMatch(part)))
        {
            return (null, SignatureFault.Incomplete("Credential must have exactly 5 slash-delimited elements: access key ID, date, region, service and 'aws4_request'."));
        }

        if (!DateTimeOffset.TryParseExact(date, DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return (null, SignatureFault.Incomplete("Date must be in ISO-8601 'basic format'."));
        }

        var names = headers.Split(';');
        if (names.Any(name => name.Length == 0 || name.Any(char.IsAsciiLetterUpper)) || !names.SequenceEqual(names.Distinct().Order(StringComparer.Ordinal)))
        {
            return (null, SignatureFault.Incomplete("SignedHeaders must be names in lower case, in order, each once."));
        }

        return scope[1] == date[..8]
            ? (new()
            {
                KeyId = scope[0],
                Day = scope[1],
                Region = scope[2],
                Service = scope[3],
                SignedHeaders = [.. names],
                Signature = signature,
                Date = date,
                Time = time,
                SessionToken = string.IsNullOrEmpty(token) ? null : token,
                Expires = expires,
            }, null)
            : (null, SignatureFault.Invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."));
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_-]{1,128}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ScopePart();
}
