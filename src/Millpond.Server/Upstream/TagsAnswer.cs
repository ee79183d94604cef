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
        try
        {
            using var document = JsonDocument.Parse(content);
            var root = document.RootElement;
            var isList = root.ValueKind == JsonValueKind.Object;
            var hasTags = isList && root.TryGetProperty("tags", out var tags) ? tags.ValueKind : JsonValueKind.Undefined;
            if (!isList || hasTags is not (JsonValueKind.Array or JsonValueKind.Null or JsonValueKind.Undefined))
            {
                throw NotTags(who);
            }

            return new TagPage(hasTags == JsonValueKind.Array ? Tags(root.GetProperty("tags")) : [], Next(response, last));
        }
        catch (JsonException)
        {
            throw NotTags(who);
        }
    }

    private static List<string> Tags(JsonElement tags) =>
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
