using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Millpond.Tests.Conformance;

/// <summary>Something that a registry could do wrong.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Api">Where it must be found.</param>
/// <param name="Change">Of an answer; it may be another one.</param>
internal sealed record Lie(string Name, Api Api, Func<HttpRequestMessage, HttpResponseMessage, Task> Change)
{
    /// <summary>What is answered without asking the registry; null to ask it.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage?> Instead { get; init; } = _ => null;

    public static IReadOnlyList<Lie> All { get; } =
    [
        NoHeader("no digest with a blob", Api.BlobPull, "/blobs/", "Docker-Content-Digest"),
        NoHeader("no digest with a manifest", Api.ManifestPull, "/manifests/", "Docker-Content-Digest"),
        NoHeader("no subject said", Api.ManifestPush, "/manifests/", "OCI-Subject"),
        NoHeader("no filter said", Api.Referrers, "/referrers/", "OCI-Filters-Applied"),
        NoHeader("no location of an upload", Api.PostThenPut, "/uploads/", "Location"),
        NoHeader("no range of an upload", Api.UploadState, "/uploads/", "Range"),
        NoHeader("no digest with a mount", Api.Mount, "/uploads/", "Docker-Content-Digest"),
        Status("a chunk out of order is taken", Api.Chunks, HttpMethod.Patch, HttpStatusCode.RequestedRangeNotSatisfiable, HttpStatusCode.Accepted),
        Status("a wrong digest is taken", Api.SinglePost, HttpMethod.Post, HttpStatusCode.BadRequest, HttpStatusCode.Created),
        Status("a stream ends as a page", Api.Stream, HttpMethod.Patch, HttpStatusCode.Accepted, HttpStatusCode.OK),
        Status("a part is the whole", Api.BlobRange, HttpMethod.Get, HttpStatusCode.PartialContent, HttpStatusCode.OK),
        Status("what is absent is an outage", Api.Errors, HttpMethod.Get, HttpStatusCode.NotFound, HttpStatusCode.BadGateway),
        Status("the state of an upload is a page", Api.UploadState, HttpMethod.Get, HttpStatusCode.NoContent, HttpStatusCode.OK),
        Undone("a deletion that is not done", Api.BlobDelete, "/blobs/sha", HttpStatusCode.Accepted),
        Undone("a manifest that stays", Api.ManifestDelete, "/manifests/sha", HttpStatusCode.Accepted),
        Undone("a tag that stays", Api.TagDelete, "/manifests/", HttpStatusCode.Accepted),
        Undone("an upload that goes on", Api.UploadCancel, "/uploads/", HttpStatusCode.NoContent),
        Text("one byte of a blob is another", Api.BlobPull, "/blobs/", body => [.. body[..^1], (byte)(body[^1] ^ 1)]),
        Text("a manifest is written anew", Api.ManifestPull, "/manifests/", body => Encoding.UTF8.GetBytes(JsonNode.Parse(body)!.ToJsonString())),
        Text("tags in disorder", Api.TagList, "/tags/", body => Json(body, list => list["tags"] = new JsonArray([.. list["tags"]!.AsArray().Reverse().Select(tag => tag!.DeepClone())]))),
        Text("one tag too many", Api.TagList, "/tags/", body => Json(body, list => list["tags"]!.AsArray().Add("~"))),
        Text("no annotations of referrers", Api.Referrers, "/referrers/", body => Json(body, index =>
        {
            foreach (var entry in index["manifests"]!.AsArray())
            {
                entry!.AsObject().Remove("annotations");
            }
        })),
        Text("an error in other words", Api.Errors, "/manifests/", body => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body).Replace("MANIFEST_UNKNOWN", "NOT_FOUND", StringComparison.Ordinal))),
        new("the type of a manifest with a parameter", Api.ManifestPull, (request, answer) =>
        {
            if (request.RequestUri!.AbsolutePath.Contains("/manifests/", StringComparison.Ordinal) && answer.IsSuccessStatusCode && answer.Content.Headers.ContentType is { } type)
            {
                type.CharSet = "utf-8";
            }

            return Task.CompletedTask;
        }),
        new("a mount that is said and not done", Api.Mount, (_, _) => Task.CompletedTask)
        {
            Instead = request => request.RequestUri!.Query.Contains("mount=", StringComparison.Ordinal) ? new HttpResponseMessage(HttpStatusCode.Created) : null,
        },
        new("pages without an end", Api.TagList, (request, answer) =>
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/tags/list", StringComparison.Ordinal))
            {
                answer.Headers.TryAddWithoutValidation("Link", $"<{request.RequestUri.AbsolutePath}>; rel=next");
            }

            return Task.CompletedTask;
        }),
    ];

    private static Lie NoHeader(string name, Api api, string path, string header) => new(name, api, (request, answer) =>
    {
        if (request.RequestUri!.AbsolutePath.Contains(path, StringComparison.Ordinal))
        {
            answer.Headers.Remove(header);
        }

        return Task.CompletedTask;
    });

    private static Lie Status(string name, Api api, HttpMethod method, HttpStatusCode right, HttpStatusCode wrong) => new(name, api, (request, answer) =>
    {
        if (request.Method == method && answer.StatusCode == right)
        {
            answer.StatusCode = wrong;
        }

        return Task.CompletedTask;
    });

    private static Lie Undone(string name, Api api, string path, HttpStatusCode said) => new(name, api, (_, _) => Task.CompletedTask)
    {
        Instead = request => request.Method == HttpMethod.Delete && request.RequestUri!.AbsolutePath.Contains(path, StringComparison.Ordinal)
            ? new HttpResponseMessage(said)
            : null,
    };

    private static Lie Text(string name, Api api, string path, Func<byte[], byte[]> change) => new(name, api, async (request, answer) =>
    {
        var body = await answer.Content.ReadAsByteArrayAsync();
        if (request.RequestUri!.AbsolutePath.Contains(path, StringComparison.Ordinal) && request.Method == HttpMethod.Get && body.Length > 0)
        {
            var changed = new ByteArrayContent(change(body));
            foreach (var header in answer.Content.Headers.Where(header => header.Key != "Content-Length"))
            {
                changed.Headers.TryAddWithoutValidation(header.Key, header.Value);
            }

            answer.Content = changed;
        }
    });

    private static byte[] Json(byte[] body, Action<JsonObject> change)
    {
        if (JsonNode.Parse(body) is not JsonObject whole || whole.ContainsKey("errors"))
        {
            return body;
        }

        change(whole);
        return Encoding.UTF8.GetBytes(whole.ToJsonString());
    }
}

/// <summary>Between the suite and a registry: tells one lie.</summary>
internal sealed class LyingTransport(Lie lie, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (lie.Instead(request) is { } made)
        {
            made.RequestMessage = request;
            made.Headers.Location = new Uri(request.RequestUri!, "/v2/");
            return made;
        }

        var answer = await base.SendAsync(request, cancellationToken);
        await lie.Change(request, answer);
        return answer;
    }
}
