using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Values together with the chart that they are for: it says which registry an image has whose own is empty or not there.</summary>
internal sealed class ChartValues(Chart chart, MappingNode values, ValuesKeys keys)
{
    /// <summary>What is put before the repository; null where that is not known.</summary>
    /// <param name="mapping">The image.</param>
    /// <param name="trail">Where the repository is.</param>
    /// <param name="repository">Its text.</param>
    public ChartRegistry? RegistryOf(MappingNode mapping, Trail trail, ScalarNode repository)
    {
        // It may be called repo, or imageRepository.
        var key = mapping.Entries.FirstOrDefault(entry => entry.Value.Resolve() == repository).Key;
        if (key is null || trail.Parent is not { } image)
        {
            return null;
        }

        var registry = chart.RegistryOf(values, new ValuesPath(image.At(key.Value).Keys()), keys.Registry);
        return registry == ChartRegistry.Unknown || (registry.Text is { } text && !RegistryFacts.NamesRegistry($"{text}/any/any")) ? null : registry;
    }

    /// <summary>
    /// An image whose registry the chart gives. It is said where it can be: in its own key, which is filled in or added. Where no key of the image
    /// does, the image stays: to change its repository would put the registry before the cache's name.
    /// </summary>
    public static Place PlaceOf(ChartRegistry registry, MappingNode mapping, Trail trail, ScalarNode repository, int length, string suffix)
    {
        var path = repository.Value[..length];
        var name = $"{registry.Text}/{path}";
        var text = length < repository.Value.Length ? PlaceCollector.Beginning(repository, length) : EditableText.Of(repository);
        var (written, insertion) = registry.Key is { } key ? Where(key, mapping, repository) : default;
        return new Place
        {
            Kind = PlaceKind.Values,
            Path = trail.ToString(),
            Reference = name + suffix,
            Name = name,
            Text = text,
            Registry = written,
            Repository = path,
            Insertion = insertion is null ? null : insertion with { IsRegistry = true },
            Obstacle = registry.Key is null ? Obstacle.FixedRegistry
                : Placeholders.IsIn(name) ? Obstacle.Placeholder
                : text is null || (written is null && insertion is null) ? Obstacle.Unwritable
                : null,
            Offset = repository.Layer.DocumentOffset(repository.Start),
        };
    }

    // registry: "", registry: , registry: null, or no such key.
    private static (EditableText? Text, Insertion? Insertion) Where(string key, MappingNode mapping, ScalarNode repository)
    {
        if (mapping.Find(key) is not { } there)
        {
            var known = mapping.Entries.FirstOrDefault(entry => entry.Value == repository).Key;
            return (null, known is null ? null : KeyInsertion.Behind(known.Value, mapping, repository, key));
        }

        var own = mapping.Entries.FirstOrDefault(entry => entry.Key.Value == key).Key;
        return there is not ScalarNode text || own is null ? default
            : text is { IsNull: true, IsEmpty: false } ? (EditableText.Of(text), null)
            : (null, KeyInsertion.Into(own, text));
    }
}
