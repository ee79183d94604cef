using Millpond.Images;
using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Helm values. Charts put references together from keys in a handful of ways; each mapping is tried as one of them. The key that is
/// edited is the one that the chart's template takes: a registry of its own, a shared one, or the repository itself.
/// </summary>
internal sealed class ValuesFinder(DocumentFinders finders)
{
    private const int MaxDepth = 200;

    private readonly HashSet<Node> aliased = [];

    private ValuesKeys Keys => finders.Tables.Values;

    /// <param name="values">The values.</param>
    /// <param name="trail">Where they are.</param>
    /// <param name="chart">The chart that they are for, where it is at hand.</param>
    public void Find(MappingNode values, Trail trail, Chart? chart = null)
    {
        var images = new ValuesImages(finders, SharedRegistries.Of(values, finders.Facts), chart is null ? null : new ChartValues(chart, values, Keys));
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
        // Values of a part with registries of their own for all of it (Istio has all of its own under _internal_defaults_do_not_set).
        images = trail.Depth > 0 && mapping.Find(ValuesLookup.Global) is MappingNode ? images.Within(mapping) : images;
        var used = new List<ScalarNode>(images.Find(mapping, trail));
        images.FindPrefixed(mapping, trail, used);
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

                if (Keys.IsPrefix(key.Value) && finders.Facts.KindOf(text.Value.Split('/')[0]) == HostKind.Registry)
                {
                    finders.Collector.AddPrefix(PlaceKind.Values, at, text);
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
        (LooksLikeReference(text.Value)
            && (NamesItsRegistry(text.Value) ? ImageKeys.Says(key) : SaysBareImage(key, text.Value) && !Keys.IsLookalike(key, text.Value)))
        || (parent.Key is { } collection && Keys.Collections.Contains(collection) && NamesItsRegistry(text.Value));

    // Without a registry the key must say it with its last word ("sidecarImage"); others ("imageK8S", "WORKER_IMAGE") need a tag too, or a folder
    // of pictures would do.
    private bool SaysBareImage(string key, string text) =>
        Keys.Endings.Any(ending => key.EndsWith(ending, StringComparison.Ordinal))
        || (text.Contains(':', StringComparison.Ordinal)
            && (key.StartsWith("image", StringComparison.Ordinal) || key.EndsWith("image", StringComparison.OrdinalIgnoreCase)) && ImageKeys.Says(key));

    private static bool LooksLikeReference(string text) =>
        text.AsSpan().ContainsAny(":/") && ImageReference.TryParse(text, out _);

    private static bool NamesItsRegistry(string text) =>
        ImageReference.TryParse(text, out var reference) && reference.WrittenHost.Length > 0;
}
