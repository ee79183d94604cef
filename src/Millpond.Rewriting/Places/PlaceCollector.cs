using System.Collections.Frozen;
using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Places;

/// <summary>Gathers the places of one document. A text that is reached twice (an alias, two tables) is one place.</summary>
/// <param name="everywhere">Whether a reference that names its registry is changed wherever it stands.</param>
internal sealed class PlaceCollector(bool everywhere = false)
{
    private readonly HashSet<(int Offset, string Name)> seen = [];
    private readonly HashSet<int> settled = [];

    public List<Place> Places { get; } = [];

    /// <summary>Set while strings are read whose reader is unknown: places are reported and stay.</summary>
    public Obstacle? Imposed { get; set; }

    /// <summary>Names of what is built here, without tags: they stay.</summary>
    public IReadOnlySet<string> Built { get; set; } = FrozenSet<string>.Empty;

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
        if (scalar.HasOwnTag)
        {
            obstacle = Obstacle.Placeholder;
        }

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

    /// <summary>The first part of a scalar, which is a name whose end stands elsewhere.</summary>
    public void AddName(PlaceKind kind, Trail trail, ScalarNode scalar, int length, string suffix, Obstacle? obstacle = null)
    {
        if (Beginning(scalar, length) is { } text)
        {
            Add(kind, trail, scalar, text, suffix, obstacle);
        }
    }

    /// <summary>The beginning of names, which something else completes: what is decided of one of them is done with all.</summary>
    public void AddPrefix(PlaceKind kind, Trail trail, ScalarNode scalar, Obstacle? obstacle = null)
    {
        const string completed = "any/any";
        if (Beginning(scalar, scalar.Value.Trim().TrimEnd('/').Length) is not { } text
            || !ImageReference.TryParse($"{text.Text}/{completed}", out var reference) || reference.WrittenHost.Length == 0)
        {
            return;
        }

        Add(new Place
        {
            Kind = kind,
            Path = trail.ToString(),
            Reference = text.Text + "/*",
            Name = $"{text.Text}/{completed}",
            Registry = text,
            Repository = completed,
            IsPrefix = true,
            Obstacle = Imposed ?? obstacle,
            Offset = text.Offset,
        });
    }

    /// <summary>So many characters from a scalar's first on that is no blank.</summary>
    public static EditableText? Beginning(ScalarNode scalar, int length) =>
        scalar.Open()?.Bytes.Span.IndexOfAnyExcept(" \t\n"u8) is >= 0 and var start ? EditableText.Of(scalar, start, start + length) : null;

    public void Add(Place place)
    {
        if (seen.Add((place.Offset, place.Name)))
        {
            Places.Add(place);
            settled.Add(place.Offset);
            if (place.Registry is { } registry)
            {
                settled.Add(registry.Offset);
            }
        }
    }

    /// <summary>Notes that it is known what a text is, although it is no place: a kustomization's name to be matched, say.</summary>
    public void Settle(ScalarNode scalar)
    {
        if (EditableText.Of(scalar) is { } text)
        {
            settled.Add(text.Offset);
        }
    }

    /// <summary>Takes back that a text is only filled in by something else.</summary>
    public void DropPlaceholder(ScalarNode scalar)
    {
        if (EditableText.Of(scalar) is { } text)
        {
            Places.RemoveAll(place => place.Offset == text.Offset && place.Obstacle == Obstacle.Placeholder);
        }
    }

    /// <summary>Whether it is known what stands at this offset of the document.</summary>
    public bool IsSettled(int offset) => settled.Contains(offset);

    /// <summary>A reference that names its registry, found by that alone.</summary>
    /// <param name="kind">What its surroundings say it is for.</param>
    /// <param name="trail">Where it is.</param>
    /// <param name="text">Its text, or its name's where the tag is computed; null where it cannot be edited.</param>
    /// <param name="reference">What it says.</param>
    /// <param name="offset">Where it begins in the document.</param>
    /// <param name="obstacle">Why it stays, where it does.</param>
    public void AddNamed(PlaceKind kind, Trail trail, EditableText? text, string reference, int offset, Obstacle? obstacle)
    {
        obstacle = Imposed ?? (IsBuilt(reference) ? Obstacle.BuiltHere : obstacle);
        Add(new Place
        {
            Kind = kind,
            Path = trail.ToString(),
            Reference = reference,
            Name = text?.Text ?? reference,
            Text = text,
            Obstacle = everywhere && obstacle is { } known && known.YieldsToEverywhere() ? null : obstacle ?? (text is null ? Obstacle.Unwritable : null),
            Evidence = kind == PlaceKind.Text ? Evidence.Registry : Evidence.Key,
            Offset = offset,
        });
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
        if (!Placeholders.IsIn(text.Text) && !Placeholders.IsExpression(text.Text))
        {
            Add(Make(kind, trail, text, text.Text, suffix, obstacle));
            return;
        }

        if (Placeholders.DefaultIn(text.Text) is var (at, length) && length > 0)
        {
            var whole = start >= 0 ? start : scalar.Open()!.Bytes.Span.IndexOfAnyExcept(" \t\n"u8);
            if (EditableText.Of(scalar, whole + at, whole + at + length) is { } given)
            {
                Add(Make(kind, trail, given, given.Text, suffix, obstacle));
                return;
            }
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

    private bool IsBuilt(string reference) => Built.Count > 0 && Built.Contains(ReferenceSuffix.Without(reference));

    private Place Make(PlaceKind kind, Trail trail, EditableText text, string name, string suffix, Obstacle? obstacle) => new()
    {
        Kind = kind,
        Path = trail.ToString(),
        Reference = name + suffix,
        Name = name,
        Text = text,
        Obstacle = Imposed ?? obstacle ?? (IsBuilt(name) ? Obstacle.BuiltHere : null),
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
