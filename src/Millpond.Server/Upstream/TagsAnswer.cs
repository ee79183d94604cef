using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Asks for and reads one page of tags.</summary>
internal static class TagsAnswer
{
    private const int PageSize = 1000;

    // For upstreams that ignore the page size: some 200,000 tags.
    private const int MaxBytes = 16 * 1024 * 1024;

    /// <summary>The query for the page after <paramref name="last"/>: a tag, or a whole query where the upstream pages by something else.</summary>
    public static string Query(string? last) => last switch
    {
        null => $"?n={PageSize}",
        ['?', ..] => last,
        _ => $"?n={PageSize}&last={Uri.EscapeDataString(last)}",
    };

    public static async Task<TagPage> ReadAsync(HttpResponseMessage response, string? last, string who, CancellationToken cancellationToken)
    {
        var content = await BoundedBody.ReadAsync(response, MaxBytes, cancellationToken)
            ?? throw new UpstreamException(UpstreamOutcome.BadAnswer, $"the tag list of {who} is larger than the limit of {MaxBytes / (1024 * 1024)} MiB");
        using var document = ForeignJson.TryParse(content);
        return document is not null && IsList(document.RootElement)
            ? new TagPage(Tags(document.RootElement), Next(response, last))
            : throw NotTags(who);
    }

    /// <summary>Go leaves an empty list out, so that a name alone is one; an error, a status or an empty object is none.</summary>
    private static bool IsList(JsonElement json) => json.ValueKind == JsonValueKind.Object && !json.TryGetProperty("errors", out _)
        && (json.TryGetProperty("tags", out var tags) ? tags.ValueKind is JsonValueKind.Array or JsonValueKind.Null : json.TextOf("name") is not null);

    private static List<string> Tags(JsonElement list) => !list.TryGetProperty("tags", out var tags) || tags.ValueKind != JsonValueKind.Array
        ? []
        :
        [
            .. tags.EnumerateArray()
                .Select(tag => tag.ValueKind == JsonValueKind.String ? tag.GetString() : null)
                .OfType<string>()
                .Where(tag => Tag.IsValid(tag)),
        ];

    private static string? Next(HttpResponseMessage response, string? last)
    {
        var query = LinkHeader.NextQuery(response);
        var next = query is null ? null : LinkHeader.Parameter(query, "last") is { Length: > 0 } tag && Tag.IsValid(tag) ? tag : query;

        // A page that continues with itself has no end.
        return next == last ? null : next;
    }

    private static UpstreamException NotTags(string who) => new(UpstreamOutcome.BadAnswer, $"{who} answered with something that is no tag list");
}
