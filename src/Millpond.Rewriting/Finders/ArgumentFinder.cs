using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>Arguments and environment variables that name images, by the tables. Those that name their registry need no row.</summary>
internal sealed class ArgumentFinder(DocumentFinders finders)
{
    public void FindArguments(SequenceNode arguments, Trail trail)
    {
        for (var i = 0; i < arguments.Items.Count; i++)
        {
            if (arguments.Items[i].Resolve() is not ScalarNode argument || !argument.Value.StartsWith('-'))
            {
                continue;
            }

            var text = argument.Value.AsSpan().Trim();
            var equals = text.IndexOf('=');
            var flag = (equals < 0 ? text : text[..equals]).ToString();
            var known = finders.Tables.Flags.Contains(flag);
            if (equals < 0)
            {
                if (known && i + 1 < arguments.Items.Count && arguments.Items[i + 1].Resolve() is ScalarNode next)
                {
                    finders.Collector.Add(PlaceKind.Argument, trail.At(i + 1), next);
                }
            }
            else if (known)
            {
                finders.Collector.Add(PlaceKind.Argument, trail.At(i), argument, equals + 1);
            }
        }
    }

    public void FindEnvironment(SequenceNode variables, Trail trail)
    {
        for (var i = 0; i < variables.Items.Count; i++)
        {
            if (variables.Items[i].Resolve() is MappingNode variable
                && variable.Text("name") is { } name
                && variable.Find("value") is ScalarNode value
                && finders.Tables.IsEnvironment(name))
            {
                finders.Collector.Add(PlaceKind.Environment, trail.At(i).At("value"), value);
            }
        }
    }
}
