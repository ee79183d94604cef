using System.Buffers;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// References that name their registry, wherever they stand and whatever the document is. Runs after the finders that know places: what
/// they have settled is left to them. None is passed over in silence: it is changed where its key says image, else told.
/// </summary>
internal sealed class EvidenceFinder(DocumentFinders finders)
{
    private const int MaxDepth = 256;

    private static readonly SearchValues<byte> Separators = SearchValues.Create(" \t\r\n,;\"'[]"u8);

    private readonly List<(int Start, int End)> looked = [];
    private bool keysSay = true;
    private HashSet<string> pointed = [];
    private PipelineNames pipeline = new(OpaqueNode.Instance);

    private PlaceTables Tables => finders.Tables;

    /// <summary>The stretches of the document that have been looked at.</summary>
    public IReadOnlyList<(int Start, int End)> Looked => looked;

    /// <param name="root">The document, or a part of it.</param>
    /// <param name="trail">Where that is.</param>
    /// <param name="imposed">Why everything in it stays, where it does.</param>
    /// <param name="isFragment">Whether it is a document without a kind among others: what it is for is known by those that refer to it.</param>
    public void Find(Node root, Trail trail, Obstacle? imposed, bool isFragment = false)
    {
        keysSay = !isFragment;
        pipeline = new(root);
        pointed = PointedNames.Of(finders.Collector.Places);
        Walk(root, trail, "", imposed, inAnnotations: false);
    }

    private void Walk(Node? node, Trail trail, string name, Obstacle? imposed, bool inAnnotations)
    {
        if (trail.Depth > MaxDepth)
        {
            return;
        }

        switch (node)
        {
            case MappingNode mapping:
                WalkMapping(mapping, trail, imposed, inAnnotations);
                break;
            case SequenceNode sequence:
                WalkSequence(sequence, trail, name, imposed, inAnnotations);
                break;
            case ScalarNode scalar:
                Visit(scalar, trail, name, imposed, inAnnotations);
                break;
        }
    }

    private void WalkMapping(MappingNode mapping, Trail trail, Obstacle? imposed, bool inAnnotations)
    {
        imposed ??= Tables.MentionOf(mapping);
        var isResource = ResourceFinder.IsResource(mapping);
        foreach (var (key, value) in mapping.Entries)
        {
            var at = trail.At(key.Value);
            // What a resource's status says has been pulled already.
            var mention = imposed
                ?? (isResource && key.Value == "status" ? Obstacle.Copy : IsBuilt(mapping, key.Value, trail) ? Obstacle.BuiltHere : (Obstacle?)null);
            var name = NameOf(mapping, key.Value);
            if (pointed.Count > 0 && mention is null && value is ScalarNode { IsNull: false, IsEmpty: false } text && IsPointedTo(name, key.Value, trail))
            {
                finders.Collector.Add(PlaceKind.Field, at, text);
            }

            if (pointed.Count > 0 && mention is null && value is SequenceNode choices && trail.Has("matrix") && pointed.Contains(key.Value))
            {
                AddChoices(choices, at);
            }

            Walk(value, at, name, mention, inAnnotations || key.Value == "annotations");
        }
    }

    // A Compose service that is built here: its image is the name that it gets.
    private static bool IsBuilt(MappingNode mapping, string key, Trail trail) =>
        key == "image" && trail.ParentKey == "services" && mapping.Find("build") is not null;

    // {name: X, default: nginx}, variables: {X: nginx}, Parameters: {X: {Default: nginx}} where something says "image: $X".
    private bool IsPointedTo(string name, string key, Trail trail) =>
        (name != key && pointed.Contains(name))
        || (trail.Key is "variables" or "env" or "environment" && pointed.Contains(key))
        || (key is "default" or "Default" or "defaultValue" or "value" && trail.Key is { } parameter && pointed.Contains(parameter)
            && trail.ParentKey is "parameters" or "Parameters" or "variables" or "inputs" or "variable")
        || (trail.Has("matrix") && pointed.Contains(key));

    // matrix: {image: [ubuntu:22.04, debian:12]}
    private void AddChoices(SequenceNode choices, Trail trail)
    {
        for (var i = 0; i < choices.Items.Count; i++)
        {
            if (choices.Items[i] is ScalarNode { IsNull: false, IsEmpty: false } choice)
            {
                finders.Collector.Add(PlaceKind.Field, trail.At(i), choice);
            }
        }
    }

    private void WalkSequence(SequenceNode sequence, Trail trail, string name, Obstacle? imposed, bool inAnnotations)
    {
        for (var i = 0; i < sequence.Items.Count; i++)
        {
            // Two scalars in a row, flag and reference.
            var flag = i > 0 && sequence.Items[i - 1] is ScalarNode { Value: ['-', ..] } before && !before.Value.Contains('=', StringComparison.Ordinal) ? before.Value : name;
            Walk(sequence.Items[i], trail.At(i), flag, imposed, inAnnotations);
        }
    }

    // {name: X_IMAGE, value: REFERENCE}, {name: x-image, default: REFERENCE}, {op: replace, path: /spec/image, value: REFERENCE}
    private static string NameOf(MappingNode mapping, string key)
    {
        if (key is not ("value" or "default" or "defaultValue" or "Default" or "Value" or "DefaultValue" or "defaultvalue"))
        {
            return key;
        }

        return mapping.Text("name") ?? mapping.Text("Name") ?? mapping.Text("key") ?? mapping.Text("path") ?? mapping.Text("variable") ?? key;
    }

    private void Visit(ScalarNode scalar, Trail trail, string name, Obstacle? imposed, bool inAnnotations)
    {
        if (!scalar.Value.Contains('/', StringComparison.Ordinal))
        {
            return;
        }

        // What cannot be followed back to its bytes is looked at as bytes.
        if (scalar.Open() is not { } inner)
        {
            return;
        }

        if (scalar.Layer.Depth == 0)
        {
            looked.Add((scalar.Start, scalar.End));
        }

        var text = inner.Bytes;
        var at = 0;
        while (ReferenceScanner.TryFind(text.Span, ref at, finders.Facts, out var token))
        {
            Add(scalar, text, token, trail, name, imposed ?? Tables.MentionOf(scalar), inAnnotations);
        }
    }

    private void Add(ScalarNode scalar, ReadOnlyMemory<byte> text, ReferenceToken token, Trail trail, string name, Obstacle? imposed, bool inAnnotations)
    {
        var offset = scalar.Open()!.DocumentOffset(token.Start);
        if (finders.Collector.IsSettled(offset) || (scalar.Style is TextStyle.Literal or TextStyle.Folded && LineContext.IsScriptComment(text.Span, token.Start)))
        {
            return;
        }

        var kind = token.IsPartial || inAnnotations || !keysSay ? PlaceKind.Text : KindOf(text, token, trail, name);
        if (kind == PlaceKind.Text && !token.IsPinned && token.Scheme == TokenScheme.None)
        {
            return;
        }

        var reference = WideText.FromBytes(text.Span[token.Start..token.Whole]);
        var obstacle = imposed ?? MentionOf(trail) ?? Tables.MentionOf($"{trail.ParentKey}.{trail.NearestKey}") ?? Tables.MentionOf(LineContext.NameBefore(text.Span, token.Start))
            ?? (Tables.IsArtifact(reference) ? Obstacle.Artifact : (Obstacle?)null)
            ?? (token.IsPartial ? Obstacle.Placeholder
                : token.Scheme == TokenScheme.Oci && !ImageKeys.Says(name) ? Obstacle.Artifact
                : kind == PlaceKind.Text || pipeline.Has(trail, name, token.IsPinned, scalar.Layer) ? Obstacle.UnknownPlace
                : null);
        if (obstacle is null && IsDefault(text.Span, token))
        {
            // What the place could only tell as filled in by something is this default.
            finders.Collector.DropPlaceholder(scalar);
        }

        var editable = EditableText.Of(scalar, token.Start, token.End);
        finders.Collector.AddNamed(kind, trail, editable, reference, offset, obstacle);
    }

    // The outermost key counts: what is within an allow-list is of the list, whatever it says of itself.
    private Obstacle? MentionOf(Trail trail)
    {
        Obstacle? mention = null;
        for (var at = trail; at is not null; at = at.Parent)
        {
            mention = (at.Key is { } key ? Tables.MentionOf(key) : null) ?? mention;
        }

        return mention;
    }

    private static PlaceKind KindOf(ReadOnlyMemory<byte> text, ReferenceToken token, Trail trail, string name)
    {
        if (token.Scheme == TokenScheme.Docker)
        {
            return PlaceKind.ImageKey;
        }

        var before = LineContext.NameBefore(text.Span, token.Start);
        if (ImageKeys.Says(before))
        {
            return before.StartsWith('-') ? PlaceKind.Argument : PlaceKind.ImageKey;
        }

        var says = ImageKeys.Says(name) || (trail.ParentKey is { } parent && before.Length == 0 && ImageKeys.Says(parent));
        if (!says || !(IsList(text.Span, token) || IsDefault(text.Span, token)))
        {
            return PlaceKind.Text;
        }

        return name.StartsWith('-') ? PlaceKind.Argument
            : trail.Key == "value" && trail.ParentKey == "env" ? PlaceKind.Environment
            : PlaceKind.ImageKey;
    }

    // The whole text, or one of several with commas or blanks between them, each by itself or behind a name: "VERSION=IMAGE".
    private static bool IsList(ReadOnlySpan<byte> text, ReferenceToken token)
    {
        if (text[..token.Lead].Trim(" \t\r\n"u8).IsEmpty && text[token.Whole..].Trim(" \t\r\n"u8).IsEmpty)
        {
            return true;
        }

        var start = text[..token.Lead].LastIndexOfAny(Separators) + 1;
        var end = text[token.Whole..].IndexOfAny(Separators) is >= 0 and var length ? token.Whole + length : text.Length;
        var lead = text[start..token.Lead];
        return end == token.Whole
            && (lead.IsEmpty || (lead[^1] is (byte)'=' && lead[..^1].IndexOf((byte)'=') < 0))
            && IsNoProse(text);
    }

    // A sentence has words with nothing of a reference in them.
    private static bool IsNoProse(ReadOnlySpan<byte> text)
    {
        foreach (var range in text.SplitAny(Separators))
        {
            if (!text[range].IsEmpty && text[range].IndexOfAny("/:=@"u8) < 0)
            {
                return false;
            }
        }

        return true;
    }

    // {{ .Values.image | default "quay.io/a/b:1" }}, ${IMAGE:-quay.io/a/b:1}
    private static bool IsDefault(ReadOnlySpan<byte> text, ReferenceToken token)
    {
        var before = text[..token.Start];
        var open = Math.Max(Math.Max(before.LastIndexOf("{{"u8), before.LastIndexOf("[["u8)), before.LastIndexOf("${"u8));
        return open >= 0 && token.Start > open + 2 && before[open..].IndexOfAny("}]"u8) < 0 && before[^1] is (byte)'"' or (byte)'\'' or (byte)'-' or (byte)'`';
    }
}
