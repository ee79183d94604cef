using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Helm values. Charts put references together from keys in a handful of ways; each mapping is tried as one of them. The key that is
/// edited is the one that the chart's template takes: a registry of its own, a shared one, or the repository itself.
/// </summary>
internal sealed class ValuesFinder(DocumentFinders finders, RegistryMeaning meaning)
{
    private const int MaxDepth = 200;

    private readonly HashSet<Node> aliased = [];

    private ValuesKeys Keys => finders.Tables.Values;

    public void Find(MappingNode values, Trail trail)
    {
        var images = new ValuesImages(finders, meaning, SharedRegistries.Of(values));
        Walk(values, trail, images);
    }

    /// <summary>Whether a document of unknown kind has an image in a form that only values have.</summary>
    public bool LooksLikeValues(MappingNode root) => LooksLikeValues(root, Trail.Root);

    private bool LooksLikeValues(Node? node, Trail trail)
    {
        if (trail.Depth > MaxDepth || node is AliasNode)
        {
            return false;
        }

        return node switch
        {
            MappingNode mapping => ValuesImages.IsImage(mapping, trail, Keys)
                || mapping.Entries.Any(entry => LooksLikeValues(entry.Value, trail.At(entry.Key.Value))),
            _ => false,
        };
    }

    private void Walk(Node? node, Trail trail, ValuesImages images)
    {
        if (trail.Depth > MaxDepth || (node is AliasNode { Target: { } target } && !aliased.Add(target)))
        {
            return;
        }

        switch (node.Resolve())
        {
            case MappingNode mapping:
                WalkMapping(mapping, trail, images);
                break;
            case SequenceNode sequence:
                WalkSequence(sequence, trail, images);
                break;
            case ScalarNode scalar:
                finders.Embedded.FindManifests(scalar, trail);
                break;
        }
    }

    private void WalkMapping(MappingNode mapping, Trail trail, ValuesImages images)
    {
        var used = images.Find(mapping, trail);
        foreach (var (key, value) in mapping.Entries)
        {
            if (Keys.Skip.Contains(key.Value))
            {
                continue;
            }

            var at = trail.At(key.Value);
            if (value.Resolve() is ScalarNode { IsNull: false } text)
            {
                if (!used.Contains(text) && IsReference(key.Value, trail, text))
                {
                    finders.Collector.Add(PlaceKind.Values, at, text);
                    continue;
                }
            }

            Walk(value, at, images);
        }
    }

    private void WalkSequence(SequenceNode sequence, Trail trail, ValuesImages images)
    {
        if (trail.Key == "env")
        {
            finders.Arguments.FindEnvironment(sequence, trail);
        }
        else if (trail.Key is { } key && finders.Tables.ArgumentKeys.Contains(key))
        {
            finders.Arguments.FindArguments(sequence, trail);
        }

        var isCollection = trail.Key is { } name && Keys.Collections.Contains(name);
        for (var i = 0; i < sequence.Items.Count; i++)
        {
            if (isCollection && sequence.Items[i].Resolve() is ScalarNode { IsNull: false } text && NamesItsRegistry(text.Value))
            {
                finders.Collector.Add(PlaceKind.Values, trail.At(i), text);
                continue;
            }

            Walk(sequence.Items[i], trail.At(i), images);
        }
    }

    // A key that only ends like one for an image may hold a name or a switch; a path, tag or host tells a reference.
    private bool IsReference(string key, Trail parent, ScalarNode text) =>
        (Keys.Endings.Any(ending => key.EndsWith(ending, StringComparison.Ordinal)) && LooksLikeReference(text.Value))
        || (parent.Key is { } collection && Keys.Collections.Contains(collection) && NamesItsRegistry(text.Value));

    private static bool LooksLikeReference(string text) =>
        text.AsSpan().ContainsAny(":/") && ImageReference.TryParse(text, out _);

    private static bool NamesItsRegistry(string text) =>
        ImageReference.TryParse(text, out var reference) && reference.WrittenHost.Length > 0;
}
