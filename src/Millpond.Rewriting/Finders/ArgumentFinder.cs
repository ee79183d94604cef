using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>Arguments and environment variables that name images, by the tables; what only looks like one is reported.</summary>
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
            else if (known || IsSuspect(flag, text[(equals + 1)..]))
            {
                finders.Collector.Add(PlaceKind.Argument, trail.At(i), argument, equals + 1, known ? null : Obstacle.UnknownPlace);
            }
        }
    }

    public void FindEnvironment(SequenceNode variables, Trail trail)
    {
        for (var i = 0; i < variables.Items.Count; i++)
        {
            if (variables.Items[i].Resolve() is MappingNode variable
                && variable.Text("name") is { } name
                && variable.Find("value") is ScalarNode value)
            {
                var known = finders.Tables.IsEnvironment(name);
                if (known || IsSuspect(name, value.Value))
                {
                    finders.Collector.Add(PlaceKind.Environment, trail.At(i).At("value"), value, obstacle: known ? null : Obstacle.UnknownPlace);
                }
            }
        }
    }

    // Only what names its registry is reported: "--image=true" and the like are everywhere.
    private static bool IsSuspect(string name, ReadOnlySpan<char> value) =>
        name.Contains("image", StringComparison.OrdinalIgnoreCase)
        && ImageReference.TryParse(value.ToString(), out var reference)
        && reference.WrittenHost.Contains('.');
}
