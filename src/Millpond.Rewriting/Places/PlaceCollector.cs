using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Places;

/// <summary>Gathers the places of one document. A text that is reached twice (an alias, two tables) is one place.</summary>
internal sealed class PlaceCollector
{
    private readonly HashSet<(int Offset, string Name)> seen = [];

    public List<Place> Places { get; } = [];

    /// <summary>Set while strings are read whose reader is unknown: places are reported and stay.</summary>
    public Obstacle? Imposed { get; set; }

    /// <summary>Set while an entry of a kustomization is read: see <see cref="Place.MatchedName"/>.</summary>
    public string? MatchedName { get; set; }

    /// <summary>A scalar that is a whole reference, or a name whose tag stands elsewhere.</summary>
    /// <param name="kind">What it is for.</param>
    /// <param name="trail">Where it is.</param>
    /// <param name="scalar">The text.</param>
    /// <param name="suffix"><c>:tag</c> and <c>@digest</c> as they stand elsewhere, for reports.</param>
    /// <param name="obstacle">Why it stays, where that is known already.</param>
    public void Add(PlaceKind kind, Trail trail, ScalarNode scalar, string suffix = "", Obstacle? obstacle = null)
    {
        if (scalar.Style == TextStyle.Plain && !PlainScalars.IsText(scalar.Value))
        {
            return;
        }

        var text = EditableText.Of(scalar);
        if (text is null && !scalar.Value.AsSpan().IsWhiteSpace())
        {
            Add(Unwritable(kind, trail, scalar, suffix));
        }
        else if (text is not null)
        {
            Add(kind, trail, scalar, text, suffix, obstacle);
        }
    }

    /// <summary>A part of a scalar that is a reference: behind a flag's equal sign, say.</summary>
    public void Add(PlaceKind kind, Trail trail, ScalarNode scalar, int start, Obstacle? obstacle = null)
    {
        if (EditableText.Of(scalar) is { } whole && start < whole.Text.Length && scalar.Open() is { } inner)
        {
            var lead = inner.Bytes.Span.IndexOfAnyExcept(" \t\n"u8);
            if (EditableText.Of(scalar, lead + start, lead + whole.Text.Length) is { } text)
            {
                Add(kind, trail, scalar, text, "", obstacle, lead + start);
            }
        }
    }

    public void Add(Place place)
    {
        if (seen.Add((place.Offset, place.Name)))
        {
            Places.Add(place);
        }
    }

    /// <summary>A text without a scalar around it.</summary>
    public void Add(PlaceKind kind, Trail trail, Layer layer, int start, int end)
    {
        if (EditableText.Of(layer, start, end) is not { } text)
        {
            return;
        }

        if (!Placeholders.IsIn(text.Text))
        {
            Add(Make(kind, trail, text, text.Text, "", null));
            return;
        }

        var literal = Placeholders.LiteralNameLength(text.Text);
        if (literal > 0 && EditableText.Of(layer, start, start + literal) is { } name)
        {
            Add(Make(kind, trail, name, name.Text, text.Text[literal..], null));
            return;
        }

        Add(Make(kind, trail, text, text.Text, "", Obstacle.Placeholder));
    }

    private void Add(PlaceKind kind, Trail trail, ScalarNode scalar, EditableText text, string suffix, Obstacle? obstacle, int start = -1)
    {
        if (!Placeholders.IsIn(text.Text))
        {
            Add(Make(kind, trail, text, text.Text, suffix, obstacle));
            return;
        }

        var literal = Placeholders.LiteralNameLength(text.Text);
        var from = start >= 0 ? start : scalar.Open()!.Bytes.Span.IndexOfAnyExcept(" \t\n"u8);
        if (literal > 0 && EditableText.Of(scalar, from, from + literal) is { } name)
        {
            Add(Make(kind, trail, name, name.Text, text.Text[literal..] + suffix, obstacle));
            return;
        }

        Add(Make(kind, trail, text, text.Text, suffix, Obstacle.Placeholder));
    }

    private Place Make(PlaceKind kind, Trail trail, EditableText text, string name, string suffix, Obstacle? obstacle) => new()
    {
        Kind = kind,
        Path = trail.ToString(),
        Reference = name + suffix,
        Name = name,
        Text = text,
        Obstacle = Imposed ?? obstacle,
        MatchedName = MatchedName,
        Offset = text.Offset,
    };

    private static Place Unwritable(PlaceKind kind, Trail trail, ScalarNode scalar, string suffix) => new()
    {
        Kind = kind,
        Path = trail.ToString(),
        Reference = scalar.Value.Trim() + suffix,
        Name = scalar.Value.Trim(),
        Obstacle = ImageReference.TryParse(scalar.Value.Trim(), out _) ? Obstacle.Unwritable : Obstacle.Placeholder,
        Offset = scalar.Layer.DocumentOffset(scalar.Start),
    };
}
