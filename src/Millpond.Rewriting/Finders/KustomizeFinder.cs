using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Kustomizations. <c>images[].name</c> is a key that matches what the bases say and is never changed; the reference that results is
/// <c>newName</c>, which is added where an entry sets only a tag or digest.
/// </summary>
internal sealed class KustomizeFinder(DocumentFinders finders)
{
    public const string Group = "kustomize.config.k8s.io";

    public void Find(MappingNode kustomization, Trail trail)
    {
        if (kustomization.Find("images") is SequenceNode images)
        {
            for (var i = 0; i < images.Items.Count; i++)
            {
                if (images.Items[i].Resolve() is MappingNode image)
                {
                    FindImage(image, trail.At("images").At(i));
                }
            }
        }

        if (kustomization.Find("helmCharts") is SequenceNode charts)
        {
            for (var i = 0; i < charts.Items.Count; i++)
            {
                if ((charts.Items[i].Resolve() as MappingNode)?.Find("valuesInline") is MappingNode values)
                {
                    finders.Values.Find(values, trail.At("helmCharts").At(i).At("valuesInline"));
                }
            }
        }
    }

    public void FindImage(MappingNode image, Trail trail)
    {
        var suffix = ReferenceSuffix.Of(image.Find("newTag") as ScalarNode, image.Find("digest") as ScalarNode);
        if (image.Find("newName") is ScalarNode { IsNull: false } newName)
        {
            finders.Collector.MatchedName = image.Text("name");
            finders.Collector.Add(PlaceKind.NewName, trail.At("newName"), newName, suffix);
            finders.Collector.MatchedName = null;
        }
        else if (suffix.Length > 0 && image.Find("name") is ScalarNode { IsNull: false } name)
        {
            AddNewName(image, name, suffix, trail.At("newName"));
        }
    }

    private void AddNewName(MappingNode image, ScalarNode name, string suffix, Trail trail)
    {
        finders.Collector.Add(new Place
        {
            Kind = PlaceKind.NewName,
            Path = trail.ToString(),
            Reference = name.Value + suffix,
            Name = name.Value,
            MatchedName = name.Value,
            Insertion = Insert(image, name),
            Obstacle = Placeholders.IsIn(name.Value) ? Obstacle.Placeholder : null,
            Offset = name.Layer.DocumentOffset(name.Start),
        });
    }

    // Behind the name in braces, on a line of its own elsewhere; not within a string, whose escapes a new line would need.
    private static Insertion? Insert(MappingNode image, ScalarNode name)
    {
        var key = image.Entries.FirstOrDefault(entry => entry.Key.Value == "name").Key;
        var bytes = name.Layer.Bytes.Span;
        if (key is null || name.Layer.Depth > 0)
        {
            return null;
        }

        if (image.IsFlow)
        {
            return bytes[key.Start] == '"'
                ? new Insertion(name.End, ", \"newName\": \"", "\"")
                : new Insertion(name.End, ", newName: ", "");
        }

        var lineStart = bytes[..key.Start].LastIndexOf((byte)'\n') + 1;
        var indentation = new string(' ', key.Start - lineStart);
        var lineLength = bytes[name.End..].IndexOf((byte)'\n');
        if (lineLength < 0)
        {
            return new Insertion(bytes.Length, $"\n{indentation}newName: ", "");
        }

        var lineEnd = name.End + lineLength + 1;
        var lineBreak = bytes[lineEnd - 2] == '\r' ? "\r\n" : "\n";
        return new Insertion(lineEnd, $"{indentation}newName: ", lineBreak);
    }
}
