using System.Security.Cryptography;
using Millpond.Images;

namespace Millpond.Tests.Acceptance;

/// <summary>HashingClients of a server in another process, that hash what they read and keep none of it.</summary>
internal sealed class HashingClients : IDisposable
{
    private readonly SocketsHttpHandler transport = new() { MaxConnectionsPerServer = int.MaxValue };
    private readonly HttpClient http;

    public HashingClients(Uri server)
    {
        http = new HttpClient(transport) { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
    }

    public static Uri Blob(string repository, Digest digest) => new($"/v2/{repository}/blobs/{digest}", UriKind.Relative);

    /// <summary>Pulls a manifest, so that its blobs are linked.</summary>
    public async Task<Digest> ManifestAsync(string repository, string reference)
    {
        using var response = await http.GetAsync(new Uri($"/v2/{repository}/manifests/{reference}", UriKind.Relative));
        var content = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {System.Text.Encoding.UTF8.GetString(content)}");
        return Digest.Sha256(content);
    }

    /// <summary>Reads a blob to its end.</summary>
    /// <param name="begun">Called when the first kilobyte is here.</param>
    /// <param name="bytesPerSecond">How fast to read at most; null for as fast as it comes.</param>
    /// <param name="until">When to leave before the end.</param>
    public async Task<(long Bytes, Digest Digest)> BlobAsync(
        string repository, Digest digest, Action? begun = null, long? bytesPerSecond = null, CancellationToken until = default)
    {
        using var response = await http.GetAsync(Blob(repository, digest), HttpCompletionOption.ResponseHeadersRead, until);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}");
        await using var body = await response.Content.ReadAsStreamAsync(until);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[bytesPerSecond is { } rate ? rate / 10 : 256 * 1024];
        var bytes = 0L;
        while (await body.ReadAsync(buffer, until) is > 0 and var count)
        {
            hash.AppendData(buffer, 0, count);
            if (bytes < 1024 && bytes + count >= 1024)
            {
                begun?.Invoke();
            }

            bytes += count;
            if (bytesPerSecond is not null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, until);
            }
        }

        return (bytes, Digest.FromHash("sha256", hash.GetHashAndReset()));
    }

    public void Dispose()
    {
        http.Dispose();
        transport.Dispose();
    }
}
