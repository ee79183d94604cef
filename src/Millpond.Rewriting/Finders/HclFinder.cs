using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Terraform: containers of every provider, Helm values and sets, manifests as objects or heredocs, and attributes called like images
/// whose text names its registry. A machine image (<c>image = "debian-cloud/debian-12"</c>) names none and stays.
/// </summary>
internal sealed class HclFinder(DocumentFinders finders)
{
    private static readonly string[] ContainerBlocks = ["container", "containers", "init_container", "init_containers", "ephemeral_container"];

    /// <summary>Terraform's language, or its JSON, which has the same shape.</summary>
    public void Find(MappingNode root) => Walk(root, Trail.Root);

    private void Walk(Node node, Trail trail)
    {
        switch (node)
        {
            case MappingNode mapping when ResourceFinder.IsResource(mapping):
                finders.Resources.Find(mapping, trail);
                break;
            case MappingNode mapping:
                WalkMapping(mapping, trail);
                break;
            case SequenceNode sequence:
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    Walk(sequence.Items[i], trail.At(i));
                }

                break;
            case ScalarNode text:
                finders.AddUrl(PlaceKind.Terraform, trail, text);
                finders.Embedded.FindManifests(text, trail);
                break;
        }
    }

    private void WalkMapping(MappingNode mapping, Trail trail)
    {
        if (HelmSets.Of(mapping) is { } values)
        {
            finders.Values.Find(values, trail.At("set"));
        }

        foreach (var (key, value) in mapping.Entries)
        {
            var at = trail.At(key.Value);
            switch (key.Value, value)
            {
                case ("values", SequenceNode list):
                    FindValues(list, at);
                    break;
                case ("container_definitions", _):
                    FindDefinitions(value, at);
                    break;
                case (_, ScalarNode text) when IsImage(key.Value, text, trail):
                    finders.Collector.Add(PlaceKind.Terraform, at, text);
                    break;
                default:
                    Walk(value, at);
                    break;
            }
        }
    }

    private void FindValues(SequenceNode list, Trail trail)
    {
        for (var i = 0; i < list.Items.Count; i++)
        {
            switch (list.Items[i])
            {
                case ScalarNode text:
                    finders.Embedded.Find(PlaceForm.ValuesText, text, trail.At(i));
                    break;
                case MappingNode values:
                    finders.Values.Find(values, trail.At(i));
                    break;
            }
        }
    }

    // ECS: a list of containers, encoded or as JSON in a heredoc.
    private void FindDefinitions(Node value, Trail trail)
    {
        if (value is ScalarNode text)
        {
            value = EmbeddedFinder.Read(text) is [var root] ? root : text;
        }

        if (value is SequenceNode list)
        {
            for (var i = 0; i < list.Items.Count; i++)
            {
                if ((list.Items[i] as MappingNode)?.Find("image") is ScalarNode image)
                {
                    finders.Collector.Add(PlaceKind.Terraform, trail.At(i).At("image"), image);
                }
            }
        }
    }

    private static bool IsImage(string key, ScalarNode text, Trail block)
    {
        if (text.Style is not (TextStyle.HclQuoted or TextStyle.DoubleQuoted))
        {
            return false;
        }

        // task "web" { config { image = … } }: Nomad.
        if (key == "image" && block.Key == "config" && block.Has("task"))
        {
            return true;
        }

        // container { image = … }, resource "docker_image" "x" { name = … }
        if ((key == "image" && block.NearestKey is { } name && ContainerBlocks.Contains(name)) || (key == "name" && block.ParentKey == "docker_image"))
        {
            return true;
        }

        // plain_image = …, variable "x_image" { default = … }
        var isNamed = key == "image"
            || key.EndsWith("_image", StringComparison.Ordinal)
            || (key == "default" && block.ParentKey == "variable" && block.Key!.EndsWith("image", StringComparison.Ordinal));
        return isNamed && NamesItsRegistry(text.Value);
    }

    private static bool NamesItsRegistry(string text)
    {
        var literal = Placeholders.IsIn(text) ? Placeholders.LiteralNameLength(text) : text.Length;
        return ImageReference.TryParse(text[..literal], out var reference) && reference.WrittenHost.Length > 0;
    }
}
