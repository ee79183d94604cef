using System.Net;
using System.Net.Http.Headers;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

/// <summary>Pushes as clients do, step by step.</summary>
internal sealed class PushClient(MillpondHost millpond, string repository)
{
    public const string Type = TestImages.OciManifest;

    public string Repository => repository;

    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, byte[]? body = null, string? range = null, string? type = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(millpond.Address, path));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type ?? "application/octet-stream");
            if (range is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Range", range);
            }
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return millpond.Client.SendAsync(request);
    }

    /// <summary>Begins an upload; where it is.</summary>
    public async Task<string> BeginAsync()
    {
        using var response = await SendAsync(HttpMethod.Post, $"/v2/{repository}/blobs/uploads/");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("0-0", Range(response));
        return response.Headers.Location!.ToString();
    }

    public async Task<Digest> PushBlobAsync(byte[] content)
    {
        var digest = Digest.Sha256(content);
        using var response = await SendAsync(HttpMethod.Put, $"{await BeginAsync()}?digest={digest}", content);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return digest;
    }

    public Task<HttpResponseMessage> PutManifestAsync(TestManifest manifest, string? reference = null) =>
        SendAsync(HttpMethod.Put, $"/v2/{repository}/manifests/{reference ?? manifest.Digest.ToString()}", manifest.Content.ToArray(), type: manifest.MediaType);

    /// <summary>Everything of an image, its children first.</summary>
    public async Task PushAsync(TestImage image, string? tag = null)
    {
        foreach (var child in image.Children)
        {
            await PushAsync(child);
        }

        foreach (var blob in image.Blobs)
        {
            await PushBlobAsync(blob.ToArray());
        }

        using var response = await PutManifestAsync(image.Manifest, tag);
        Assert.True(response.StatusCode == HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        Assert.Equal(image.Digest.ToString(), response.Headers.GetValues("Docker-Content-Digest").Single());
    }

    public async Task<HttpStatusCode> DeleteAsync(string path)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"/v2/{repository}/{path}");
        return response.StatusCode;
    }

    public async Task<HttpStatusCode> HeadAsync(string path)
    {
        using var response = await SendAsync(HttpMethod.Head, $"/v2/{repository}/{path}");
        return response.StatusCode;
    }

    public async Task<string> TextAsync(string path)
    {
        using var response = await SendAsync(HttpMethod.Get, $"/v2/{repository}/{path}");
        return await response.Content.ReadAsStringAsync();
    }

    public static string? Range(HttpResponseMessage response) => response.Headers.TryGetValues("Range", out var values) ? values.Single() : null;

    /// <summary>The code of an error's body.</summary>
    public static async Task<string?> CodeAsync(HttpResponseMessage response) =>
        (string?)System.Text.Json.Nodes.JsonNode.Parse(await response.Content.ReadAsStringAsync())?["errors"]?[0]?["code"];
}
