using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>
/// A review without what nobody looks at: of a pod its managed fields, variables, probes and mounts, of the request who asked and how. What is left
/// is a tenth of it, and a document of that is made in a third of the time. What is left out is read all the same: a body that is no JSON stays none.
/// </summary>
internal ref struct ReviewExcerpt
{
    private readonly Span<byte> body;
    private Utf8JsonReader json;

    /// <summary>What is kept is moved to the front, over what was read before it.</summary>
    private int length;
    private bool isPod;

    private ReviewExcerpt(Span<byte> body, int maxDepth)
    {
        this.body = body;
        json = new(body, new JsonReaderOptions { MaxDepth = maxDepth });
    }

    private enum Part
    {
        /// <summary>Left out.</summary>
        None,

        /// <summary>Kept as it is.</summary>
        Whole,
        Review,
        Request,
        Kind,
        Object,
        Metadata,
        Spec,
        Containers,
        Container,
        Volumes,
        Volume,
    }

    /// <summary>Takes out of a review what is not looked at, in place; how much of it is left.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static int TakeOut(Span<byte> body, int maxDepth)
    {
        var excerpt = new ReviewExcerpt(body, maxDepth);
        excerpt.json.Read();
        excerpt.Keep(Part.Review);

        // Throws where anything follows.
        excerpt.json.Read();
        return excerpt.length;
    }

    /// <summary>Keeps of the value at which the reader stands what belongs to the part.</summary>
    private void Keep(Part part)
    {
        var isList = part is Part.Containers or Part.Volumes;
        if (part is Part.Whole or Part.Kind || json.TokenType != (isList ? JsonTokenType.StartArray : JsonTokenType.StartObject))
        {
            KeepWhole(part);
        }
        else if (isList)
        {
            KeepItems(part == Part.Containers ? Part.Container : Part.Volume);
        }
        else
        {
            KeepMembers(part);
        }
    }

    private void KeepWhole(Part part)
    {
        var start = (int)json.TokenStartIndex;
        json.Skip();
        var value = body[start..(int)json.BytesConsumed];
        if (part == Part.Kind)
        {
            isPod = IsPod(value, json.CurrentState.Options);
        }

        Append(value);
    }

    private void KeepItems(Part item)
    {
        Append((byte)'[');
        for (var isFirst = true; json.Read() && json.TokenType != JsonTokenType.EndArray; isFirst = false)
        {
            if (!isFirst)
            {
                Append((byte)',');
            }

            // Also what is none of them: a patch counts the items.
            Keep(item);
        }

        Append((byte)']');
    }

    private void KeepMembers(Part part)
    {
        Append((byte)'{');
        var isFirst = true;
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            var member = PartOf(part);
            if (member == Part.None)
            {
                json.Skip();
                continue;
            }

            if (!isFirst)
            {
                Append((byte)',');
            }

            isFirst = false;

            // With the colon, which the reader takes together with the name.
            Append(body[(int)json.TokenStartIndex..(int)json.BytesConsumed]);
            json.Read();
            Keep(member);
        }

        Append((byte)'}');
    }

    /// <summary>What the member of this name is in its part. A name with escapes is none that an API server writes, and may be no text at all: it is kept.</summary>
    private readonly Part PartOf(Part part) => json.ValueIsEscaped ? Part.Whole : part switch
    {
        Part.Review => json.ValueTextEquals("request"u8) ? Part.Request : If(json.ValueTextEquals("apiVersion"u8)),
        Part.Request => RequestPart(),
        Part.Object => json.ValueTextEquals("metadata"u8) ? Part.Metadata : json.ValueTextEquals("spec"u8) ? Part.Spec : Part.None,
        Part.Metadata => If(json.ValueTextEquals("annotations"u8) || json.ValueTextEquals("namespace"u8)),
        Part.Spec => json.ValueTextEquals("containers"u8) || json.ValueTextEquals("initContainers"u8) || json.ValueTextEquals("ephemeralContainers"u8) ? Part.Containers
            : json.ValueTextEquals("volumes"u8) ? Part.Volumes : Part.None,
        Part.Container => If(json.ValueTextEquals("image"u8) || json.ValueTextEquals("name"u8) || json.ValueTextEquals("imagePullPolicy"u8)),
        Part.Volume => If(json.ValueTextEquals("image"u8) || json.ValueTextEquals("name"u8)),
        _ => Part.Whole,
    };

    private readonly Part RequestPart() =>
        json.ValueTextEquals("kind"u8) ? Part.Kind
        : json.ValueTextEquals("object"u8) || json.ValueTextEquals("oldObject"u8) ? (isPod ? Part.Object : Part.Whole)
        : If(json.ValueTextEquals("uid"u8) || json.ValueTextEquals("namespace"u8) || json.ValueTextEquals("operation"u8) || json.ValueTextEquals("subResource"u8));

    private static Part If(bool isKept) => isKept ? Part.Whole : Part.None;

    /// <summary>Whether the request's kind is a pod's. API servers write it before the objects; of one that comes after them, all is kept.</summary>
    private static bool IsPod(ReadOnlySpan<byte> kind, JsonReaderOptions options)
    {
        var json = new Utf8JsonReader(kind, options);
        var isPod = false;
        while (json.Read())
        {
            if (json is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 })
            {
                var isNamed = !json.ValueIsEscaped && json.ValueTextEquals("kind"u8);
                json.Read();
                isPod = isNamed ? json is { TokenType: JsonTokenType.String, ValueIsEscaped: false } && json.ValueTextEquals("Pod"u8) : isPod;
            }
        }

        return isPod;
    }

    private void Append(byte one) => body[length++] = one;

    private void Append(ReadOnlySpan<byte> kept)
    {
        kept.CopyTo(body[length..]);
        length += kept.Length;
    }
}
