using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>The forms in which a mapping of Helm values can be an image.</summary>
internal sealed class ValuesImages(DocumentFinders finders, SharedRegistries shared, ChartValues? chart = null)
{
    /// <summary>What a repository ends with where the digest's digits stand where the tag does.</summary>
    private const string DigestBehind = "@sha256";

    private ValuesKeys Keys => finders.Tables.Values;

    /// <summary>The same for values that have shared registries of their own.</summary>
    public ValuesImages Within(MappingNode values) => new(finders, SharedRegistries.Of(values, finders.Facts), chart);

    /// <summary>Adds the image that the mapping is, if it is one; gives the texts that it took.</summary>
    public IReadOnlyList<ScalarNode> Find(MappingNode mapping, Trail trail)
    {
        var suffix = ReferenceSuffix.Of(Text(mapping, Keys.Tag), Text(mapping, Keys.Digest));
        var hasRegistry = Key(mapping, Keys.Registry) is not null;
        if (Folder(mapping, trail, suffix) is { } inFolder)
        {
            return inFolder;
        }

        if (IsImage(mapping, trail, Keys))
        {
            var repository = Text(mapping, Keys.Repository)!;
            return IsUrl(repository) ? [] : Repository(mapping, trail, repository, suffix, hasRegistry);
        }

        if (Text(mapping, ["image"]) is { } image)
        {
            if (!RegistryFacts.NamesRegistry(image.Value) && Keys.IsLookalike(trail.Key, image.Value))
            {
                return [image];
            }

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

        if (IsImageKey(trail.Key) && Text(mapping, ["name"]) is { } named && IsNamedImage(mapping))
        {
            return NamedImage(mapping, trail, named, suffix);
        }

        return ComposedHost(mapping, trail, suffix);
    }

    /// <summary>Adds the images that the mapping has under keys with beginnings of their own; what they take is added to what is used.</summary>
    public void FindPrefixed(MappingNode mapping, Trail trail, ICollection<ScalarNode> used) => new ValuesNames(finders, shared, this).Find(mapping, trail, used);

    // {repository: nvcr.io/nvidia, image: driver, version: …} (NVIDIA's operators), {repository: ghcr.io, image: team/app, imageTag: …} (Fission): the
    // repository is what stands before the image's name.
    private ScalarNode[]? Folder(MappingNode mapping, Trail trail, string suffix)
    {
        if (Text(mapping, Keys.Repository) is not { } folder || Text(mapping, ["image"]) is not { } image || IsUrl(folder)
            || IsForeign(mapping, trail) || Text(mapping, Keys.Registry) is not null || RegistryFacts.NamesRegistry(image.Value) || image.Value.AsSpan().ContainsAny(":@ ")
            || !ImageReference.TryParse($"{folder.Value.TrimEnd('/')}/{image.Value}", out _))
        {
            return null;
        }

        return Split(trail.At("image"), folder, image, "", suffix);
    }

    // {name, tag} and {registry, name, tag} under a key that says image.
    private bool IsNamedImage(MappingNode mapping) => Text(mapping, Keys.Tag) is not null || Text(mapping, Keys.Digest) is not null;

    private ScalarNode[] NamedImage(MappingNode mapping, Trail trail, ScalarNode name, string suffix)
    {
        if (Text(mapping, Keys.Registry) is { } own && !RegistryFacts.NamesRegistry(name.Value))
        {
            return Split(trail.At("name"), own, name, "", suffix);
        }

        if (!RegistryFacts.NamesRegistry(name.Value) && OfChart(mapping, trail.At("name"), name, suffix) is { } known)
        {
            return known;
        }

        if (Keys.IsLookalike(trail.Key, name.Value))
        {
            return [];
        }

        // Of a name without a path only the template knows whether it is one of Docker Hub, or what is put before it.
        var isBare = !name.Value.Contains('/', StringComparison.Ordinal);
        finders.Collector.Add(PlaceKind.Values, trail.At("name"), name, suffix, isBare ? Obstacle.UnknownRegistry : null);
        return [name];
    }

    private bool IsForeign(MappingNode mapping, Trail trail) => Keys.IsForeign(trail.NearestKey) || Keys.Foreign.Any(key => mapping.Find(key) is not null);

    /// <summary>Whether the mapping has a repository and is an image by its key or by the keys beside it.</summary>
    public static bool IsImage(MappingNode mapping, Trail trail, ValuesKeys keys) =>
        Text(mapping, keys.Repository) is not null
        && (IsImageKey(trail.NearestKey) || !(keys.IsForeign(trail.NearestKey) || keys.Foreign.Any(key => mapping.Find(key) is not null)))
        && (IsImageKey(trail.NearestKey)
            || IsImageKey(trail.ParentKey)
            || keys.Companions.Any(key => mapping.Find(key) is not null)
            || Text(mapping, keys.Registry) is not null);

    private ScalarNode[] Repository(
        MappingNode mapping, Trail trail, ScalarNode repository, string suffix, bool hasRegistry)
    {
        var at = trail.At("repository");
        var own = Text(mapping, Keys.Registry);
        var namesRegistry = ImageReference.TryParse(repository.Value[..Named(repository, "").Length], out var reference) && reference.WrittenHost.Length > 0;
        if (own is not null)
        {
            return Split(at, RegistryBefore(own), repository, "", suffix);
        }

        if (!namesRegistry && OfChart(mapping, at, repository, suffix) is { } known)
        {
            return known;
        }

        // A registry at the root that the templates put before every repository: to change the repository alone would name what is not there.
        if (!hasRegistry && !namesRegistry && shared.Chart is not null && shared.Overriding is null)
        {
            return Split(at, shared.Chart, repository, "", suffix);
        }

        // global.image.registry: docker.io/kumahq, of which the images only have the last part (Kuma).
        if (!hasRegistry && shared.Overriding is null && shared.Default is { } folder && folder.Value.Contains('/', StringComparison.Ordinal) && !repository.Value.Contains('/', StringComparison.Ordinal))
        {
            return Split(at, folder, repository, "", suffix);
        }

        if (hasRegistry && !namesRegistry)
        {
            // Written as null it leaves the choice to the shared key; written as "" it asks for the template's own default.
            var isNull = (Key(mapping, Keys.Registry) as ScalarNode)?.IsNull ?? false;
            if ((shared.Overriding ?? (isNull ? shared.Default : null) ?? shared.Fallback) is { } registry)
            {
                return Split(at, registry, repository, "", suffix);
            }
        }

        var unknown = !namesRegistry && (hasRegistry || shared.Overriding is not null);
        var (length, whole) = Named(repository, suffix);
        if (length < repository.Value.Length)
        {
            finders.Collector.AddName(PlaceKind.Values, at, repository, length, whole, unknown ? Obstacle.UnknownRegistry : null);
        }
        else
        {
            finders.Collector.Add(PlaceKind.Values, at, repository, suffix, unknown ? Obstacle.UnknownRegistry : null);
        }

        return [repository];
    }

    // What the chart that the values are for puts before the repository; null where it is not at hand, or does not say.
    private ScalarNode[]? OfChart(MappingNode mapping, Trail trail, ScalarNode repository, string suffix)
    {
        if (chart?.RegistryOf(mapping, trail, repository) is not { } registry)
        {
            return null;
        }

        if (registry.Node is { } node)
        {
            return Split(trail, node, repository, "", suffix);
        }

        var (length, whole) = Named(repository, suffix);
        if (registry.IsNone || registry.IsNotAtHand)
        {
            finders.Collector.AddName(PlaceKind.Values, trail, repository, length, whole, registry.IsNotAtHand ? Obstacle.UnknownRegistry : null);
            return [repository];
        }

        finders.Collector.Add(ChartValues.PlaceOf(registry, mapping, trail, repository, length, whole));
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

        return shared.Default is not null && finders.Facts.MeaningOf(shared.Default.Value) == finders.Facts.MeaningOf(own.Value) ? shared.Default : own;
    }

    // registry + image (ingress-nginx): the image's own registry comes first, global.image.registry where it has none. hub + image (Istio):
    // only where the image has no path.
    private ScalarNode[] ImageText(MappingNode mapping, Trail trail, ScalarNode image, string suffix, bool hasRegistry)
    {
        var own = Text(mapping, Keys.Registry);
        var isImageInImage = IsImageKey(trail.NearestKey);
        var namesRegistry = ImageReference.TryParse(image.Value, out var reference) && reference.WrittenHost.Length > 0;
        if (own is null && !namesRegistry && OfChart(mapping, trail.At("image"), image, suffix) is { } known)
        {
            return known;
        }

        // {image: name, imageRepository: quay.io/team}
        own ??= Text(mapping, ["imageRepository", "imageRepo"]) is { } lead && RegistryFacts.NamesRegistry(lead.Value + "/x") ? lead : null;
        var isBare = !image.Value.AsSpan().ContainsAny('/', ':', '@');
        var registry = own ?? shared.Lead ?? (isImageInImage ? shared.Default ?? shared.Overriding : null) ?? (isBare ? shared.Hub : null);
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

    /// <summary>An image whose registry and repository stand apart; gives both texts.</summary>
    public ScalarNode[] Split(Trail trail, ScalarNode registry, ScalarNode repository, string lead, string suffix, Obstacle? obstacle = null)
    {
        var host = registry.Value.TrimEnd('/');
        var (length, whole) = Named(repository, suffix);
        var path = lead + repository.Value[..length];
        var name = $"{host}/{path}";
        // What ends with a slash is put before the repository as it stands.
        var registryText = host.Length < registry.Value.Length ? PlaceCollector.Beginning(registry, host.Length) : EditableText.Of(registry);
        var repositoryText = length < repository.Value.Length ? PlaceCollector.Beginning(repository, length) : EditableText.Of(repository);
        var filledIn = Placeholders.IsIn(name);
        finders.Collector.Add(new Place
        {
            Kind = PlaceKind.Values,
            Path = trail.ToString(),
            Reference = name + whole,
            Name = name,
            Text = lead.Length == 0 ? repositoryText : null,
            Registry = registryText,
            Repository = path,
            Obstacle = finders.Collector.Imposed
                ?? (filledIn ? Obstacle.Placeholder : registryText is null || repositoryText is null ? Obstacle.Unwritable : obstacle),
            Offset = repository.Layer.DocumentOffset(repository.Start),
        });
        return [registry, repository];
    }

    // repository: quay.io/team/app@sha256, tag: 0123…
    private static (int Length, string Suffix) Named(ScalarNode repository, string suffix) =>
        repository.Value.EndsWith(DigestBehind, StringComparison.Ordinal) ? (repository.Value.Length - DigestBehind.Length, DigestBehind + suffix) : (repository.Value.Length, suffix);

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

    public static bool IsImageKey(string? key) => key is not null && ImageKeys.Says(key);

    public static bool IsUrl(ScalarNode text) => text.Value.Contains("://", StringComparison.Ordinal);

    private static Node? Key(MappingNode mapping, ImmutableArray<string> names) =>
        names.Select(mapping.Find).FirstOrDefault(node => node is not null);

    public static ScalarNode? Text(MappingNode mapping, ImmutableArray<string> names) =>
        names.Select(mapping.Find).OfType<ScalarNode>().FirstOrDefault(node => !node.IsNull && !node.IsEmpty);
}
