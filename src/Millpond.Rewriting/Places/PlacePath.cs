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
    FieldsText,
    DockerfileText,
    KustomizeImage,
    KustomizeText,
    HelmParameters,
    HelmSets,
    DockerUrl,
    Named,
    Tagged,
    Prefix,
    CompletedPrefix,
    ConcourseResources,
}

/// <summary>
/// A path of the tables: keys, <c>*</c> for any key, <c>**</c> for any way down, <c>[]</c> for each item of a list, <c>[key=value]</c> for a
/// mapping that says so, <c>[?key]</c> for one with that key, <c>[!key]</c> for one without it; of these the key may be a path.
/// </summary>
internal sealed class PlacePath
{
    private const string Each = "[]";
    private const string Any = "*";
    private const string AnyDepth = "**";
    private const int MaxDepth = 64;

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

    private static bool Holds(string condition, MappingNode mapping)
    {
        var equals = condition.IndexOf('=', StringComparison.Ordinal);
        return condition[1] is '!' or '?' ? HasAt(mapping, condition[2..]) == (condition[1] == '?') : mapping.Text(condition[1..equals]) == condition[(equals + 1)..];
    }

    private static bool HasAt(MappingNode mapping, string path)
    {
        Node? node = mapping;
        foreach (var key in path.Split('.'))
        {
            node = (node as MappingNode)?.Find(key);
        }

        return node is not (null or ScalarNode { IsNull: true });
    }

    private void WalkDown(Node node, int step, Trail trail, List<(Node, Trail)> found)
    {
        Walk(node, step + 1, trail, found);
        if (trail.Depth > MaxDepth)
        {
            return;
        }

        switch (node)
        {
            case MappingNode mapping:
                foreach (var (key, value) in mapping.Entries)
                {
                    // What an alias stands for is met at its anchor.
                    if (value is MappingNode or SequenceNode)
                    {
                        WalkDown(value, step, trail.At(key.Value), found);
                    }
                }

                break;
            case SequenceNode sequence:
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    if (sequence.Items[i] is MappingNode or SequenceNode)
                    {
                        WalkDown(sequence.Items[i], step, trail.At(i), found);
                    }
                }

                break;
        }
    }

    private static PlaceForm ParseForm(string word) => word switch
    {
        "reference" => PlaceForm.Reference,
        "values" => PlaceForm.Values,
        "values-text" => PlaceForm.ValuesText,
        "manifests-text" => PlaceForm.ManifestsText,
        "images-text" => PlaceForm.ImagesText,
        "image-fields-text" => PlaceForm.FieldsText,
        "dockerfile-text" => PlaceForm.DockerfileText,
        "kustomize-image" => PlaceForm.KustomizeImage,
        "kustomize-text" => PlaceForm.KustomizeText,
        "helm-parameters" => PlaceForm.HelmParameters,
        "helm-sets" => PlaceForm.HelmSets,
        "docker-url" => PlaceForm.DockerUrl,
        "named" => PlaceForm.Named,
        "tagged" => PlaceForm.Tagged,
        "prefix" => PlaceForm.Prefix,
        "completed-prefix" => PlaceForm.CompletedPrefix,
        "concourse-resources" => PlaceForm.ConcourseResources,
        _ => throw new FormatException($"'as {word}' is unknown; one of reference, values, values-text, manifests-text, images-text, image-fields-text, dockerfile-text, kustomize-image, kustomize-text, helm-parameters, helm-sets, docker-url, named, tagged, prefix, completed-prefix, concourse-resources is."),
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
            case '[' when text.IndexOf(']', at) is > 0 and var bracket && (text[at + 1] is '!' or '?' || text.AsSpan(at, bracket - at).Contains('=')):
                steps.Add(text[at..bracket]);
                return bracket + 1;
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
            case MappingNode or SequenceNode when steps[step] == AnyDepth:
                WalkDown(node, step, trail, found);
                break;
            case MappingNode mapping when steps[step] is ['[', .., not ']'] condition:
                if (Holds(condition, mapping))
                {
                    Walk(mapping, step + 1, trail, found);
                }

                break;
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
