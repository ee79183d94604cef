using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Millpond.Server.Access;
using Millpond.Server.Access.Signatures;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>Reads a request and finds out whose it is. Nothing large is read for a key that does not exist.</summary>
internal sealed class AwsRequest(HttpContext context, BodyRoom room)
{
    private const int ReadSize = 64 * 1024;

    private readonly BodyRoom.Stay stay = new(FailedTries.SourceOf(context.Connection.RemoteIpAddress));

    public SignableRequest Signable { get; } = new(
        context.Request.Method,
        "/",
        context.Request.QueryString.HasValue ? context.Request.QueryString.Value![1..] : "",
        name => context.Request.Headers.TryGetValue(name, out var values) ? string.Join(',', values.ToArray()) : null);

    public RequestOrigin Origin => new(context.Connection.RemoteIpAddress, context.Request.IsHttps);

    /// <summary>The key, and the body it has signed.</summary>
    /// <exception cref="AwsErrorException">The signature does not hold, or the body is too large.</exception>
    public async Task<(KnownKey Key, ReadOnlyMemory<byte> Body)> AuthenticateAsync(
        Principals principals, SignatureClaims claims, string service, long longest, DateTimeOffset now)
    {
        Refuse(SignatureCheck.CheckClaims(claims, Signable, service, now, "host", "x-amz-target", "x-amz-date", "x-amz-security-token", "content-type"));
        if (await principals.FindKeyAsync(claims.KeyId) is not { } key)
        {
            throw Refusal(SignatureFault.UnknownKey);
        }

        CheckSession(key, claims, now);
        var body = await ReadBodyAsync(longest);
        var hash = Convert.ToHexStringLower(SHA256.HashData(body.Span));
        if (!SignatureCheck.Holds(Signable, claims, principals.SecretOf(key), hash))
        {
            throw Refusal(SignatureFault.Mismatch);
        }

        room.Prove(stay);
        return (key, body);
    }

    /// <exception cref="AwsErrorException">There is none, or it cannot be read.</exception>
    public SignatureClaims ReadClaims()
    {
        var (claims, fault) = SignatureClaims.Read(Signable);
        return claims ?? throw Refusal(fault!);
    }

    private static void CheckSession(KnownKey key, SignatureClaims claims, DateTimeOffset now)
    {
        var isRight = key.TokenHash is null == claims.SessionToken is null
            && (key.TokenHash is null || CryptographicOperations.FixedTimeEquals(key.TokenHash, SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(claims.SessionToken!))));
        if (!isRight)
        {
            throw Refusal(SignatureFault.UnknownKey);
        }

        Refuse(key.ExpiresAt <= now ? SignatureFault.Expired : null);
    }

    private static void Refuse(SignatureFault? fault)
    {
        if (fault is not null)
        {
            throw Refusal(fault);
        }
    }

    private static AwsErrorException Refusal(SignatureFault fault) => new(new AwsError(403, fault.Type, fault.Message));

    /// <summary>What the body of this call takes, until the call is over.</summary>
    private void Hold(int bytes)
    {
        if (stay.Bytes == 0)
        {
            context.Response.OnCompleted(() =>
            {
                room.Leave(stay);
                return Task.CompletedTask;
            });
        }

        if (!room.TryTake(stay, bytes))
        {
            throw new AwsErrorException(new AwsError(400, "ThrottlingException", "Rate exceeded: too many large calls at once; try again."));
        }
    }

    private async Task<ReadOnlyMemory<byte>> ReadBodyAsync(long longest)
    {
        if (context.Request.ContentLength > longest)
        {
            throw new AwsErrorException(AwsError.TooLarge);
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = longest;
        }

        // Grows with what comes, not with what is said to come.
        using var content = new MemoryStream();
        var buffer = new byte[ReadSize];
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
        {
            if (content.Length + read > longest)
            {
                throw new AwsErrorException(AwsError.TooLarge);
            }

            if (content.Length + read > ReadSize)
            {
                Hold(read);
            }

            content.Write(buffer, 0, read);
        }

        return content.GetBuffer().AsMemory(0, (int)content.Length);
    }
}
