using System.Collections.Immutable;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Charts;

/// <summary>What several places of a chart say of one image's registry, with the values filled in. Two that differ are no answer.</summary>
internal sealed class Answers(ValuesLookup lookup, ValuesPath image)
{
    private readonly Dictionary<string, ChartRegistry> known = new(StringComparer.Ordinal);
    private bool isUnknown;
    private bool isNone;
    private bool isAny;

    /// <param name="registry">What a template puts before the repository; null for nothing.</param>
    /// <param name="stars">What <c>*</c> stands for in its paths.</param>
    public void Add(TemplateValue? registry, ImmutableArray<string> stars)
    {
        isAny = true;
        string? key = null;
        var hasSlash = registry is TemplateValue.WithSlash;
        foreach (var choice in registry?.Choices ?? [])
        {
            switch (choice)
            {
                case TemplateValue.Constant { Text: "" }:
                    break;
                case TemplateValue.Constant constant:
                    Know(constant.Text, null, key, hasSlash);
                    return;
                case TemplateValue.Path { Keys.Keys: ["Values", _, ..] } path:
                    var at = path.Keys.From(1).With(stars);
                    var isOwn = image.Keys.Length > 0 && at.Keys.Length == image.Keys.Length + 1 && at.Keys[..^1].SequenceEqual(image.Keys);
                    key ??= isOwn ? at.Keys[^1] : null;
                    if (lookup.Find(at) is { Text.Length: > 0 } said)
                    {
                        Know(said.Text, said.Node, key, hasSlash);
                        return;
                    }

                    break;
                default:
                    isUnknown = true;
                    return;
            }
        }

        isNone |= registry is null || hasSlash;
    }

    /// <param name="schema">What the chart's schema says is the default of the image's own key.</param>
    /// <param name="keys">What that key may be called.</param>
    public ChartRegistry Conclude((string Key, string? Text) schema, ImmutableArray<string> keys)
    {
        if (!isAny)
        {
            // The templates do not show what they do with it. A chart's own values say what stands there if nobody says something else.
            foreach (var key in keys)
            {
                if (lookup.Find(image.At(key)) is { Text.Length: > 0 } said)
                {
                    Know(said.Text, said.Node, key);
                    break;
                }
            }
        }

        // Helm takes no default of a schema: it is only what the chart's author says of a key that nothing else explains.
        if (schema.Text is { } text && known.Count == 0 && !isNone)
        {
            Know(text, null, schema.Key);
        }

        return isUnknown || known.Count > 1 ? ChartRegistry.Unknown
            : known.Count == 1 ? known.Values.First()
            : isNone && schema.Text is null ? ChartRegistry.None
            : ChartRegistry.Unknown;
    }

    private void Know(string text, ScalarNode? node, string? key, bool hasSlash = false)
    {
        // What would be filled in has no slash: only what stands in the values can be changed where the template adds none.
        var isOther = hasSlash && (!text.EndsWith('/') || node is null);
        text = text.TrimEnd('/');
        if (isOther || Placeholders.IsIn(text))
        {
            isUnknown = true;
            return;
        }

        var before = known.GetValueOrDefault(text);
        known[text] = new ChartRegistry { Text = text, Node = before?.Node ?? node, Key = before is null ? key : before.Key ?? key };
    }
}
