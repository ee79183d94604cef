using System.Net.Http.Headers;

namespace Millpond.Tests.Conformance;

/// <summary>A registry that is known by its address alone.</summary>
internal sealed class RegistryUnderTest(HttpClient http, Uri address)
{
    /// <summary>Every kind of manifest, as a client that takes all of them asks.</summary>
    private const string ManifestTypes =
        "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
        + "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";

    public Uri Address => address;

    public Task<Answer> GetAsync(string target, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, target, null, headers);

    public Task<Answer> HeadAsync(string target) => SendAsync(HttpMethod.Head, target);

    public Task<Answer> PostAsync(string target, HttpContent? body = null) => SendAsync(HttpMethod.Post, target, body ?? Empty());

    public Task<Answer> PutAsync(string target, HttpContent body) => SendAsync(HttpMethod.Put, target, body);

    public Task<Answer> DeleteAsync(string target) => SendAsync(HttpMethod.Delete, target);

    public Task<Answer> BlobAsync(string repository, object digest, HttpMethod? method = null) => SendAsync(method ?? HttpMethod.Get, $"/v2/{repository}/blobs/{digest}");

    public Task<Answer> ManifestAsync(string repository, object reference, HttpMethod? method = null) =>
        SendAsync(method ?? HttpMethod.Get, $"/v2/{repository}/manifests/{reference}", null, ("Accept", ManifestTypes));

    public Task<Answer> PutManifestAsync(string repository, object reference, string mediaType, byte[] content) =>
        PutAsync($"/v2/{repository}/manifests/{reference}", Octets(content, mediaType));

    /// <param name="method">Of the request.</param>
    /// <param name="target">A path, or the absolute or relative location that the registry gave.</param>
    /// <param name="body">What is sent.</param>
    /// <param name="headers">As they are, right or wrong.</param>
    public async Task<Answer> SendAsync(HttpMethod method, string target, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(address, target)) { Content = body };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var content = await response.Content.ReadAsByteArrayAsync();
        var received = response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .SelectMany(header => header.Value, (header, value) => (header.Key, value))
            .ToLookup(header => header.Key, header => header.value, StringComparer.OrdinalIgnoreCase);
        return new Answer($"{method} {target}", (int)response.StatusCode, received, content);
    }

    public static HttpContent Octets(ReadOnlyMemory<byte> content, string mediaType = "application/octet-stream", string? contentRange = null)
    {
        var body = new ReadOnlyMemoryContent(content);
        body.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        if (contentRange is not null)
        {
            body.Headers.TryAddWithoutValidation("Content-Range", contentRange);
        }

        return body;
    }

    /// <summary>A body whose length nobody says beforehand: it comes in pieces.</summary>
    public static HttpContent Stream(ReadOnlyMemory<byte> content) => new PiecewiseContent(content, length: null);

    /// <summary>A body that promises so many bytes, and ends with the connection before they have come.</summary>
    public static HttpContent Broken(ReadOnlyMemory<byte> content, long promised) => new PiecewiseContent(content, promised);

    private static ByteArrayContent Empty()
    {
        var body = new ByteArrayContent([]);
        body.Headers.ContentLength = 0;
        return body;
    }

    private sealed class PiecewiseContent : HttpContent
    {
        private const int Piece = 700;
        private readonly ReadOnlyMemory<byte> content;
        private readonly long? length;

        public PiecewiseContent(ReadOnlyMemory<byte> content, long? length)
        {
            this.content = content;
            this.length = length;
            Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            for (var at = 0; at < content.Length; at += Piece)
            {
                await stream.WriteAsync(content.Slice(at, Math.Min(Piece, content.Length - at)));
                await stream.FlushAsync();
            }

            if (length > content.Length)
            {
                throw new IOException("This client hangs up.");
            }
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length ?? 0;
            return length is not null;
        }
    }
}
