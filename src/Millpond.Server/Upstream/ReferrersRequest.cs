using System.Buffers;
using System.Net;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Asks for the referrers of a digest, page by page, and where the upstream has no such API for the tag that stands in for it.</summary>
internal sealed class ReferrersRequest(UpstreamClient client, RepositoryName repository, Digest subject)
{
    private const string IndexMediaType = "application/vnd.oci.image.index.v1+json";
    private const int MaxPages = 20;
    private const int MaxBytes = 16 * 1024 * 1024;

    private static readonly byte[] EmptyIndex =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"""u8.ToArray();

    public async Task<UpstreamResult<ReferrersBody>> SendAsync(CancellationToken cancellationToken)
    {
        using var deadline = client.StartDeadline();
        var pages = new List<byte[]>();
        var query = "";
        for (var page = 0; page < MaxPages; page++)
        {
            var question = new Question(HttpMethod.Get, $"/v2/{repository}/referrers/{subject}{query}", repository) { Accept = IndexMediaType };
            var result = await client.AskAsync(question, ReadPageAsync, deadline, cancellationToken, HasNoApi);
            if (!result.IsFound)
            {
                return result.Outcome == UpstreamOutcome.NotFound && page == 0
                    ? await GetFallbackAsync(deadline, cancellationToken)
                    : result.As<ReferrersBody>();
            }

            if (result.Value.Content is not { } content)
            {
                return await GetFallbackAsync(deadline, cancellationToken);
            }

            pages.Add(content);
            if (pages.Sum(one => (long)one.Length) > MaxBytes)
            {
                return new(UpstreamOutcome.BadAnswer, null, $"the referrers of {subject} are larger than the limit of {MaxBytes / (1024 * 1024)} MiB");
            }

            if (result.Value.Next is not { } next || next == query)
            {
                return new(UpstreamOutcome.Found, new ReferrersBody(Merge(pages), IsFallback: false), RateLimit: result.RateLimit);
            }

            query = next;
        }

        return new(UpstreamOutcome.BadAnswer, null, $"the referrers of {subject} have more than {MaxPages} pages");
    }

    // Registries without the API answer in many ways: 404 by the spec, but also as to a bad path, or with a page for people.
    private static bool HasNoApi(HttpStatusCode status) => status is HttpStatusCode.BadRequest or HttpStatusCode.MethodNotAllowed
        or HttpStatusCode.NotAcceptable or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.NotImplemented;

    private static async Task<Page> ReadPageAsync(HttpResponseMessage response, Exchange exchange, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            return new Page(null, null);
        }

        var content = await BoundedBody.ReadAsync(response, ManifestAnswer.MaxBytes, cancellationToken)
            ?? throw new UpstreamException(
                UpstreamOutcome.BadAnswer,
                $"a page of referrers at {exchange.WaitingFor} is larger than the limit of {ManifestAnswer.MaxBytes / (1024 * 1024)} MiB");
        return IsIndex(content) ? new Page(content, LinkHeader.NextQuery(response)) : new Page(null, null);
    }

    /// <summary>The tag that stands in for the API, by the distribution spec's scheme.</summary>
    private async Task<UpstreamResult<ReferrersBody>> GetFallbackAsync(CancellationTokenSource deadline, CancellationToken cancellationToken)
    {
        const int MaxEncoded = 64;
        var hex = subject.Hex;
        var tag = $"{subject.Algorithm}-{(hex.Length > MaxEncoded ? hex[..MaxEncoded] : hex)}";
        var result = await client.GetManifestAsync(repository, tag, deadline, cancellationToken);
        return result switch
        {
            { IsFound: true } when IsIndex(result.Value.Content) =>
                new(UpstreamOutcome.Found, new ReferrersBody(result.Value.Content, IsFallback: true), RateLimit: result.RateLimit),
            { IsFound: true } or { Outcome: UpstreamOutcome.NotFound } =>
                new(UpstreamOutcome.Found, new ReferrersBody(EmptyIndex, IsFallback: true), RateLimit: result.RateLimit),
            _ => result.As<ReferrersBody>(),
        };
    }

    private static bool IsIndex(ReadOnlyMemory<byte> content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("manifests", out var manifests)
                && manifests.ValueKind is JsonValueKind.Array or JsonValueKind.Null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>One page as it came; of several the first one's document with the descriptors of all.</summary>
    private static ReadOnlyMemory<byte> Merge(List<byte[]> pages)
    {
        if (pages is [var only])
        {
            return only;
        }

        var merged = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(merged);
        writer.WriteStartObject();
        writer.WriteNumber("schemaVersion", 2);
        writer.WriteString("mediaType", IndexMediaType);
        writer.WriteStartArray("manifests");
        foreach (var page in pages)
        {
            using var document = JsonDocument.Parse(page);
            if (document.RootElement.GetProperty("manifests") is { ValueKind: JsonValueKind.Array } manifests)
            {
                foreach (var descriptor in manifests.EnumerateArray())
                {
                    descriptor.WriteTo(writer);
                }
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
        return merged.WrittenMemory;
    }

    /// <summary>One page; without content where the upstream has no such API.</summary>
    private sealed record Page(byte[]? Content, string? Next);
}
