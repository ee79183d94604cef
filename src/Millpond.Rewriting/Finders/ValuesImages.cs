using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>The forms in which a mapping of Helm values can be an image.</summary>
internal sealed class ValuesImages(DocumentFinders finders, RegistryMeaning meaning, SharedRegistries shared)
{
    private ValuesKeys Keys => finders.Tables.Values;

    /// <summary>Adds the image that the mapping is, if it is one; gives the texts that it took.</summary>
    public IReadOnlyList<ScalarNode> Find(MappingNode mapping, Trail trail)
    {
        var suffix = ReferenceSuffix.Of(Text(mapping, Keys.Tag), Text(mapping, Keys.Digest));
        var hasRegistry = Key(mapping, Keys.Registry) is not null;
        if (IsImage(mapping, trail, Keys))
        {
            var repository = Text(mapping, Keys.Repository)!;
            return IsUrl(repository) ? [] : Repository(mapping, trail, repository, suffix, hasRegistry);
        }

        if (Text(mapping, ["image"]) is { } image)
        {
            return ImageText(mapping, trail, image, suffix, hasRegistry);
        }

        if (Text(mapping, Keys.Name) is { } name && Text(mapping, Keys.Registry) is { } own)
        {
            return Split(trail.At("imageName"), shared.Overriding ?? own, name, "", suffix);
        }

        if (IsImageKey(trail.Key) && shared.Chart is not null && mapping.Find("name") is ScalarNode { IsNull: false } component)
        {
            var lead = shared.Namespace is null ? "" : shared.Namespace.Value + "/";
            return Split(trail.At("name"), shared.Chart, component, lead, suffix);
        }

        return ComposedHost(mapping, trail, suffix);
    }

    /// <summary>Whether the mapping has a repository and is an image by its key or by the keys beside it.</summary>
    public static bool IsImage(MappingNode mapping, Trail trail, ValuesKeys keys) =>
        Text(mapping, keys.Repository) is not null
        && (IsImageKey(trail.NearestKey)
            || IsImageKey(trail.ParentKey)
            || keys.Companions.Any(key => mapping.Find(key) is not null)
            || Text(mapping, keys.Registry) is not null);

    private ScalarNode[] Repository(
        MappingNode mapping, Trail trail, ScalarNode repository, string suffix, bool hasRegistry)
    {
        var at = trail.At("repository");
        var own = Text(mapping, Keys.Registry);
        var namesRegistry = ImageReference.TryParse(repository.Value, out var reference) && reference.WrittenHost.Length > 0;
        if (own is not null)
        {
            return Split(at, RegistryBefore(own), repository, "", suffix);
        }

        if (hasRegistry && !namesRegistry)
        {
            // Written as null it leaves the choice to the shared key; written as "" it asks for the template's own default.
            var isNull = (Key(mapping, Keys.Registry) as ScalarNode)?.IsNull ?? false;
            if ((shared.Overriding ?? (isNull ? shared.Default : null)) is { } registry)
            {
                return Split(at, registry, repository, "", suffix);
            }
        }

        var unknown = !namesRegistry && (hasRegistry || shared.Overriding is not null);
        finders.Collector.Add(PlaceKind.Values, at, repository, suffix, unknown ? Obstacle.UnknownRegistry : null);
        return [repository];
    }

    // Charts with a repository key take global.image.registry first; an image that really has another registry shows that it is not
    // taken there.
    private ScalarNode RegistryBefore(ScalarNode own)
    {
        if (shared.Overriding is not null)
        {
            return shared.Overriding;
        }

        return shared.Default is not null && meaning(shared.Default.Value) == meaning(own.Value) ? shared.Default : own;
    }

    // registry + image (ingress-nginx): the image's own registry comes first, global.image.registry where it has none. hub + image (Istio):
    // only where the image has no path.
    private ScalarNode[] ImageText(MappingNode mapping, Trail trail, ScalarNode image, string suffix, bool hasRegistry)
    {
        var own = Text(mapping, Keys.Registry);
        var isImageInImage = IsImageKey(trail.NearestKey);
        var namesRegistry = ImageReference.TryParse(image.Value, out var reference) && reference.WrittenHost.Length > 0;
        var isBare = !image.Value.AsSpan().ContainsAny('/', ':', '@');
        var registry = own ?? (isImageInImage ? shared.Default ?? shared.Overriding : null) ?? (isBare ? shared.Hub : null);
        if (registry is not null && !namesRegistry)
        {
            return Split(trail.At("image"), registry, image, "", suffix);
        }

        // A bare name beside an empty registry key is completed by the template.
        return ImageAndTag(trail, image, suffix, isBare && hasRegistry ? Obstacle.UnknownRegistry : null);
    }

    private ScalarNode[] ImageAndTag(Trail trail, ScalarNode image, string suffix, Obstacle? obstacle)
    {
        if (!IsUrl(image) && !image.Value.AsSpan().ContainsAny(' ', '\n') && !Keys.Files.Any(end => image.Value.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
        {
            finders.Collector.Add(PlaceKind.Values, trail.At("image"), image, suffix, obstacle);
        }

        return [image];
    }

    private ScalarNode[] Split(Trail trail, ScalarNode registry, ScalarNode repository, string lead, string suffix)
    {
        var host = registry.Value.TrimEnd('/');
        var path = lead + repository.Value;
        var name = $"{host}/{path}";
        var registryText = EditableText.Of(registry);
        var repositoryText = EditableText.Of(repository);
        var filledIn = Placeholders.IsIn(name);
        finders.Collector.Add(new Place
        {
            Kind = PlaceKind.Values,
            Path = trail.ToString(),
            Reference = name + suffix,
            Name = name,
            Text = lead.Length == 0 ? repositoryText : null,
            Registry = registryText,
            Repository = path,
            Obstacle = finders.Collector.Imposed
                ?? (filledIn ? Obstacle.Placeholder : registryText is null || repositoryText is null ? Obstacle.Unwritable : null),
            Offset = repository.Layer.DocumentOffset(repository.Start),
        });
        return [registry, repository];
    }

    // account, region and domain (VPC CNI): the chart's template knows the rest of the name. What the rules say of the host is said of any
    // repository there.
    private ScalarNode[] ComposedHost(MappingNode mapping, Trail trail, string suffix)
    {
        if (Text(mapping, ["account"]) is { } account && Text(mapping, ["region"]) is { } region && Text(mapping, ["domain"]) is { } domain)
        {
            var host = $"{account.Value}.dkr.{mapping.Text("endpoint") ?? "ecr"}.{region.Value}.{domain.Value}";
            finders.Collector.Add(new Place
            {
                Kind = PlaceKind.Values,
                Path = trail.ToString(),
                Reference = $"{host}/*{suffix}",
                Name = $"{host}/any",
                Obstacle = finders.Collector.Imposed ?? Obstacle.ComposedHost,
                Offset = account.Layer.DocumentOffset(account.Start),
            });
        }

        return [];
    }

    private static bool IsImageKey(string? key) => key is not null && key.EndsWith("image", StringComparison.OrdinalIgnoreCase);

    private static bool IsUrl(ScalarNode text) => text.Value.Contains("://", StringComparison.Ordinal);

    private static Node? Key(MappingNode mapping, ImmutableArray<string> names) =>
        names.Select(mapping.Find).FirstOrDefault(node => node is not null);

    private static ScalarNode? Text(MappingNode mapping, ImmutableArray<string> names) =>
        names.Select(mapping.Find).OfType<ScalarNode>().FirstOrDefault(node => !node.IsNull && !node.IsEmpty);
}
