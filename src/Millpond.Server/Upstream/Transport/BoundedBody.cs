namespace Millpond.Server.Upstream.Transport;

/// <summary>Reads a body that must be small.</summary>
internal static class BoundedBody
{
    /// <summary>The whole body; null where it is longer than the limit.</summary>
    public static async Task<byte[]?> ReadAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentLength > limit)
        {
            return null;
        }

        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var content = new MemoryStream((int)(response.Content.Headers.ContentLength ?? 0));
        var buffer = new byte[16 * 1024];
        while (await body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (content.Length + read > limit)
            {
                return null;
            }

            content.Write(buffer, 0, read);
        }

        return content.ToArray();
    }

    /// <summary>What comes of a body up to the limit; the rest is left.</summary>
    public static async Task<ReadOnlyMemory<byte>> ReadStartAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var content = new byte[limit];
        var length = await body.ReadAtLeastAsync(content, limit, throwOnEndOfStream: false, cancellationToken);
        return content.AsMemory(0, length);
    }
}
