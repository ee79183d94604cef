using System.Buffers;
using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>What must be known of a review to allow it unread: API servers write both before the objects.</summary>
internal sealed record ReviewGlance(string Version, string Uid)
{
    /// <summary>The start of a body in which both stand; names and namespaces come after them.</summary>
    private const int Start = 16 * 1024;

    /// <summary>Reads the start and throws the rest away; null where a uid is not found in it.</summary>
    public static async Task<ReviewGlance?> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Start);
        try
        {
            var length = await body.ReadAtLeastAsync(buffer.AsMemory(0, Start), Start, throwOnEndOfStream: false, cancellationToken);
            var glance = Find(buffer.AsSpan(0, length));

            // A caller that is still writing may not see an answer that comes before it has ended.
            while (await body.ReadAsync(buffer, cancellationToken) > 0)
            {
            }

            return glance;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static ReviewGlance? Find(ReadOnlySpan<byte> start)
    {
        var json = new Utf8JsonReader(start, isFinalBlock: false, state: default);
        string? version = null;
        var isInRequest = false;
        try
        {
            while (json.Read())
            {
                if (json.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (json.CurrentDepth == 1)
                {
                    isInRequest = json.ValueTextEquals("request"u8);
                    if (json.ValueTextEquals("apiVersion"u8) && json.Read() && json.TokenType == JsonTokenType.String)
                    {
                        version = json.GetString();
                    }
                }
                else if (json.CurrentDepth == 2 && isInRequest && json.ValueTextEquals("uid"u8) && json.Read() && json.TokenType == JsonTokenType.String)
                {
                    return json.GetString() is { Length: > 0 } uid ? new ReviewGlance(version ?? AdmissionEndpoint.Version, uid) : null;
                }
            }
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return null;
        }

        return null;
    }
}
