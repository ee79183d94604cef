using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Places;

/// <summary>How the text at a place of the tables is read.</summary>
internal enum PlaceForm
{
    Reference,
    Values,
    ValuesText,
    ManifestsText,
    ImagesText,
    DockerfileText,
    KustomizeImage,
}

/// <summary>A path of the tables: keys, <c>*</c> for any key, <c>[]</c> for each item of a list.</summary>
internal sealed class PlacePath
{
    private const string Each = "[]";
    private const string Any = "*";

    private readonly string[] steps;

    private PlacePath(string[] steps, PlaceForm form)
    {
        this.steps = steps;
        Form = form;
    }

    public PlaceForm Form { get; }

    /// <exception cref="FormatException">The text is no path of the tables.</exception>
    public static PlacePath Parse(string text)
    {
        var form = PlaceForm.Reference;
        var separator = text.IndexOf(" as ", StringComparison.Ordinal);
        if (separator >= 0)
        {
            form = ParseForm(text[(separator + 4)..].Trim());
            text = text[..separator].Trim();
        }

        var steps = new List<string>();
        var at = 0;
        while (at < text.Length)
        {
            at = ParseStep(text, at, steps);
        }

        return steps.Count == 0 ? throw new FormatException("A place has no keys.") : new PlacePath([.. steps], form);
    }

    /// <summary>The nodes at this path below a node.</summary>
    public IEnumerable<(Node Node, Trail Trail)> Matches(Node root, Trail trail)
    {
        var found = new List<(Node, Trail)>();
        Walk(root, 0, trail, found);
        return found;
    }

    private static PlaceForm ParseForm(string word) => word switch
    {
        "reference" => PlaceForm.Reference,
        "values" => PlaceForm.Values,
        "values-text" => PlaceForm.ValuesText,
        "manifests-text" => PlaceForm.ManifestsText,
        "images-text" => PlaceForm.ImagesText,
        "dockerfile-text" => PlaceForm.DockerfileText,
        "kustomize-image" => PlaceForm.KustomizeImage,
        _ => throw new FormatException($"'as {word}' is unknown; one of reference, values, values-text, manifests-text, images-text, dockerfile-text, kustomize-image is."),
    };

    private static int ParseStep(string text, int at, List<string> steps)
    {
        switch (text[at])
        {
            case '.':
                return at + 1;
            case '"':
                var close = text.IndexOf('"', at + 1);
                if (close < 0)
                {
                    throw new FormatException($"'{text}' has a quotation mark without its end.");
                }

                steps.Add(text[(at + 1)..close]);
                return close + 1;
            case '[' when text.AsSpan(at).StartsWith(Each):
                steps.Add(Each);
                return at + Each.Length;
            case '[':
                throw new FormatException($"'{text}' names one item of a list; [] stands for each.");
            default:
                var end = text.AsSpan(at).IndexOfAny('.', '[');
                end = end < 0 ? text.Length : at + end;
                steps.Add(text[at..end]);
                return end;
        }
    }

    private void Walk(Node? node, int step, Trail trail, List<(Node, Trail)> found)
    {
        node = node.Resolve();
        if (node is null)
        {
            return;
        }

        if (step == steps.Length)
        {
            found.Add((node, trail));
            return;
        }

        switch (node)
        {
            case SequenceNode sequence when steps[step] == Each:
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    Walk(sequence.Items[i], step + 1, trail.At(i), found);
                }

                break;
            case MappingNode mapping when steps[step] == Any:
                foreach (var (key, value) in mapping.Entries)
                {
                    Walk(value, step + 1, trail.At(key.Value), found);
                }

                break;
            case MappingNode mapping:
                Walk(mapping.Find(steps[step]), step + 1, trail.At(steps[step]), found);
                break;
        }
    }
}
