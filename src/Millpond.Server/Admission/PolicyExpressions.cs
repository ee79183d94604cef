using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Millpond.Images;

namespace Millpond.Server.Admission;

/// <summary>A variable of the policy; later ones build on earlier ones.</summary>
internal sealed record PolicyVariable(string Name, string Comment, string Expression);

/// <summary>The rules in CEL. Regular expressions there are RE2's; they match anywhere, so that each is anchored.</summary>
internal sealed partial class PolicyExpressions(PolicyManifest policy)
{
    /// <summary>Of a webhook and of a policy: pods that API servers need not even ask about.</summary>
    public const string MatchConditions = $"""
          matchConditions:
          # The kubelet's copies of static pods must stay as they are.
          - name: no-mirror-pod
            expression: >-
              !(has(object.metadata.annotations) && '{PodReview.MirrorAnnotation}' in object.metadata.annotations)
          - name: not-opted-out
            expression: >-
              !(has(object.metadata.annotations) && '{PodReview.RewriteAnnotation}' in object.metadata.annotations && object.metadata.annotations['{PodReview.RewriteAnnotation}'] == 'false')
        """;

    public const string Mutation = """
        Object{
          spec: Object.spec{
            containers: variables.renamed.filter(e, e.list == 'containers').map(e, Object.spec.containers{name: e.name, image: e.image}),
            initContainers: variables.renamed.filter(e, e.list == 'initContainers').map(e, Object.spec.initContainers{name: e.name, image: e.image}),
            ephemeralContainers: variables.renamed.filter(e, e.list == 'ephemeralContainers').map(e, Object.spec.ephemeralContainers{name: e.name, image: e.image}),
            volumes: variables.renamed.filter(e, e.list == 'volumes').map(e, Object.spec.volumes{name: e.name, image: Object.spec.volumes.image{reference: e.image}})
          }
        }
        """;

    private const string Component = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
    private const string WholeReference = $"^[^/]+(?:/{Component})+(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@[a-z0-9]+:[0-9a-f]+)?$";
    private const string DockerHub = "^(?:(?:index[.]|registry-1[.])?docker[.]io|registry[.]hub[.]docker[.]com)/";

    private static readonly ImmutableArray<string> ContainerLists = ["containers", "initContainers"];

    public IEnumerable<PolicyVariable> Variables =>
    [
        new("except", "Containers and volumes that the pod itself excepts.",
            $"has(object.metadata.annotations) && '{PodReview.ExceptAnnotation}' in object.metadata.annotations"
            + $"\n? object.metadata.annotations['{PodReview.ExceptAnnotation}'].split(',').map(n, n.trim())\n: []"),
        .. ContainerLists.Select(list => new PolicyVariable(list, "As a pod is made; an update would restart them.", Containers(list))),
        new("ephemeralContainers", "Those that an update adds.", """
            request.operation == 'UPDATE' && has(object.spec.ephemeralContainers)
            ? object.spec.ephemeralContainers.filter(c, has(c.image) && !(c.name in variables.except) && !(has(c.imagePullPolicy) && c.imagePullPolicy == 'Never')
              && !(has(oldObject.spec.ephemeralContainers) && oldObject.spec.ephemeralContainers.exists(o, o.name == c.name)))
              .map(c, {'list': 'ephemeralContainers', 'name': c.name, 'image': c.image})
            : []
            """),
        new("volumes", "Image volumes.", """
            request.operation == 'CREATE' && has(object.spec.volumes)
            ? object.spec.volumes.filter(v, has(v.image) && has(v.image.reference) && !(v.name in variables.except) && !(has(v.image.pullPolicy) && v.image.pullPolicy == 'Never'))
              .map(v, {'list': 'volumes', 'name': v.name, 'image': v.image.reference})
            : []
            """),
        new("spelt", "The references spelt out: with the host, and library/ for Docker Hub's own images.", $$"""
            (variables.containers + variables.initContainers + variables.ephemeralContainers + variables.volumes).map(e, {'list': e.list, 'name': e.name, 'image':
              e.image == 'auto' ? ''
              : !e.image.contains('/') ? 'docker.io/library/' + e.image
              : e.image.matches('{{DockerHub}}[^/]+$') ? 'docker.io/library/' + e.image.substring(e.image.indexOf('/') + 1)
              : e.image.matches('{{DockerHub}}') ? 'docker.io/' + e.image.substring(e.image.indexOf('/') + 1)
              : e.image.matches('^(?:localhost|[^/]*[.:A-Z][^/]*)/') ? e.image
              : 'docker.io/' + e.image}).filter(e, e.image.matches('{{WholeReference}}'))
            """),
        new("renamed", "The rules, the longest first; what none covers is dropped here and stays as it is.", $$"""
            variables.spelt.map(e, {'list': e.list, 'name': e.name, 'image':
            {{string.Concat(Steps().Select(step => $"  {step}\n"))}}  ''}).filter(e, e.image != '')
            """),
    ];

    private static string Containers(string list) => $$"""
        request.operation == 'CREATE' && has(object.spec.{{list}})
        ? object.spec.{{list}}.filter(c, has(c.image) && !(c.name in variables.except) && !(has(c.imagePullPolicy) && c.imagePullPolicy == 'Never'))
          .map(c, {'list': '{{list}}', 'name': c.name, 'image': c.image})
        : []
        """;

    private IEnumerable<string> Steps()
    {
        if (!policy.OwnImages.IsEmpty)
        {
            var own = policy.OwnImages.Select(image => ImageReference.Parse(image)).Select(image => Literal($"{image.Domain}/{image.Path}"));
            yield return $"e.image.matches('^(?:{string.Join('|', own)})(?:[:@]|$)') ? '' :";
        }

        var registries = policy.Mappings.SelectMany(mapping => mapping.Names.Registries.Select((registry, at) => (Mapping: mapping, registry.Host, registry.RepositoryPrefix, at)));
        foreach (var (mapping, host, prefix, _) in registries.OrderByDescending(one => one.RepositoryPrefix?.Length ?? 0).ThenBy(one => one.at == 0 ? 0 : 1))
        {
            var begin = $"{UpstreamHosts.Normalise(host)}/{(prefix is null ? "" : $"{prefix}/")}";
            yield return Step(begin, mapping, [.. Filters(begin, mapping), .. Others(begin, mapping)]);
        }

        foreach (var old in policy.OldRegistries)
        {
            foreach (var mapping in policy.Mappings.OrderByDescending(mapping => mapping.Names.IsRoot ? 0 : mapping.Names.Prefix.Length))
            {
                var begin = mapping.Names.IsRoot ? $"{old}/" : $"{old}/{mapping.Names.Prefix}/";
                yield return Step(begin, mapping, [.. Filters(begin, mapping)]);
            }
        }
    }

    /// <summary>What begins so, and is let through, gets the registry and the rule's prefix in front instead.</summary>
    private string Step(string begin, RewriteMapping mapping, string[] conditions)
    {
        var isMeant = $"e.image.startsWith('{begin}')";
        if (!mapping.Enabled)
        {
            return $"{isMeant} ? '' :";
        }

        var target = mapping.Names.IsRoot ? $"{policy.Registry}/" : $"{policy.Registry}/{mapping.Names.Prefix}/";
        var length = begin.Length.ToString(CultureInfo.InvariantCulture);
        var renamed = $"'{target}' + e.image.substring({length})";
        return conditions.Length == 0 ? $"{isMeant} ? {renamed} :" : $"{isMeant} ? ({string.Join(" && ", conditions)} ? {renamed} : '') :";
    }

    /// <summary>The rule's own <c>allow</c> and <c>deny</c>.</summary>
    private static IEnumerable<string> Filters(string begin, RewriteMapping mapping)
    {
        if (mapping.Filter is { Allow.Count: > 0 } allowing)
        {
            yield return $"e.image.matches('^{Literal(begin)}(?:{string.Join('|', allowing.Allow.Select(GlobPattern))})(?:[:@]|$)')";
        }

        if (mapping.Filter is { Deny.Count: > 0 } denying)
        {
            yield return $"!e.image.matches('^{Literal(begin)}(?:{string.Join('|', denying.Deny.Select(GlobPattern))})(?:[:@]|$)')";
        }
    }

    /// <summary>A name that would be under another rule's longer prefix is that rule's.</summary>
    private IEnumerable<string> Others(string begin, RewriteMapping mapping)
    {
        var own = mapping.Names.IsRoot ? "" : $"{mapping.Names.Prefix}/";
        string[] longer =
        [
            .. policy.Mappings
                .Where(other => other != mapping && !other.Names.IsRoot && other.Names.Prefix.StartsWith(own, StringComparison.Ordinal))
                .Select(other => Literal(other.Names.Prefix[own.Length..])),
        ];
        if (longer.Length > 0)
        {
            yield return $"!e.image.matches('^{Literal(begin)}(?:{string.Join('|', longer)})(?:[/:@]|$)')";
        }
    }

    /// <summary>Without backslashes, which CEL's own texts would take first.</summary>
    private static string Literal(string text) => LiteralMarks().Replace(text, "[$0]");

    private static string GlobPattern(RepositoryGlob glob) => GlobMarks().Replace(glob.ToString(), match => match.Value switch
    {
        "**/" => "(?:[^:@]*/)?",
        "**" => "[^:@]*",
        "*" => "[^/:@]*",
        _ => "[.]",
    });

    [GeneratedRegex(@"[.\[\]]", RegexOptions.CultureInvariant)]
    private static partial Regex LiteralMarks();

    [GeneratedRegex(@"(?<![^/])\*\*/|\*\*|\*|[.]", RegexOptions.CultureInvariant)]
    private static partial Regex GlobMarks();
}
