using System.Text.RegularExpressions;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Tests.Admission;

/// <summary>The policy by its shape: no API server is asked here.</summary>
public sealed partial class PolicyManifestTests
{
    /// <summary>Of the presets that need no account.</summary>
    public static PolicyManifest Default() => Of(new()
    {
        Rules = [.. Preset.All.Take(2).Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream, Tier = preset.Tier })],
    });

    [Fact]
    public void It_has_the_fields_of_a_MutatingAdmissionPolicy_and_its_binding_and_no_others()
    {
        var documents = YamlDocuments.Read(Default().ToYaml());

        Assert.Equal(["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], documents.Select(document => (string?)document["kind"]));
        Assert.All(documents, document => Assert.Equal("admissionregistration.k8s.io/v1", (string?)document["apiVersion"]));
        Assert.Equal(
            [
                "apiVersion", "kind", "metadata.labels.app.kubernetes.io/name", "metadata.name", "spec.failurePolicy", "spec.matchConditions[].expression", "spec.matchConditions[].name",
                "spec.matchConstraints.matchPolicy", "spec.matchConstraints.namespaceSelector.matchExpressions[].key", "spec.matchConstraints.namespaceSelector.matchExpressions[].operator",
                "spec.matchConstraints.namespaceSelector.matchExpressions[].values[]", "spec.matchConstraints.resourceRules[].apiGroups[]", "spec.matchConstraints.resourceRules[].apiVersions[]",
                "spec.matchConstraints.resourceRules[].operations[]", "spec.matchConstraints.resourceRules[].resources[]", "spec.mutations[].applyConfiguration.expression",
                "spec.mutations[].patchType", "spec.reinvocationPolicy", "spec.variables[].expression", "spec.variables[].name",
            ],
            YamlDocuments.Keys(documents[0]).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal((string?)documents[0]["metadata"]!["name"], (string?)documents[1]["spec"]!["policyName"]);
        Assert.Equal(("Ignore", "IfNeeded"), ((string?)documents[0]["spec"]!["failurePolicy"], (string?)documents[0]["spec"]!["reinvocationPolicy"]));
    }

    [Fact]
    public void It_says_that_no_cluster_has_seen_it() => Assert.Contains("NOT tested on a cluster", Default().ToYaml(), StringComparison.Ordinal);

    [Fact]
    public void Older_clusters_have_it_as_a_beta() =>
        Assert.Equal("admissionregistration.k8s.io/v1beta1", (string?)YamlDocuments.Read((Default() with { ApiVersion = "v1beta1" }).ToYaml())[1]["apiVersion"]);

    [Fact]
    public void Every_expression_is_balanced_and_knows_the_variables_before_it()
    {
        var spec = YamlDocuments.Read(Everything().ToYaml())[0]["spec"]!;
        var known = new HashSet<string>();
        foreach (var variable in spec["variables"]!.AsArray())
        {
            Check((string)variable!["expression"]!, known);
            Assert.True(known.Add((string)variable["name"]!));
        }

        Check((string)spec["mutations"]![0]!["applyConfiguration"]!["expression"]!, known);
        Assert.All(spec["matchConditions"]!.AsArray(), condition => Check((string)condition!["expression"]!, []));
    }

    [Fact]
    public void Rules_become_steps_in_the_order_in_which_they_win()
    {
        Assert.Equal(
            [
                "e.image.matches('^(?:ghcr[.]io/acme/millpond)(?:[:@]|$)') ? '' :",
                "e.image.startsWith('harbor.example:8443/a/b/') ? 'cache.example:8443/m/deep/' + e.image.substring(24) :",
                "e.image.startsWith('mirror.example/q/') ? 'cache.example:8443/m/chain/' + e.image.substring(17) :",
                "e.image.startsWith('quay.io/') ? (e.image.matches('^quay[.]io/(?:prom/[^:@]*|(?:[^:@]*/)?ok|x[^/:@]*)(?:[:@]|$)') && !e.image.matches('^quay[.]io/(?:prom/secret)(?:[:@]|$)') ? 'cache.example:8443/m/quay/' + e.image.substring(8) : '') :",
                "e.image.startsWith('harbor.example:8443/') ? (!e.image.matches('^harbor[.]example:8443/(?:more)(?:[/:@]|$)') ? 'cache.example:8443/m/team/' + e.image.substring(20) : '') :",
                "e.image.startsWith('other.example/') ? 'cache.example:8443/m/team/more/' + e.image.substring(14) :",
                "e.image.startsWith('root.example/') ? (!e.image.matches('^root[.]example/(?:quay|team|team/more|deep|chain|docker-hub)(?:[/:@]|$)') ? 'cache.example:8443/m/' + e.image.substring(13) : '') :",
                "e.image.startsWith('docker.io/') ? '' :",
                "e.image.startsWith('ghcr.io/') ? 'cache.example:8443/m/chain/' + e.image.substring(8) :",
                "e.image.startsWith('old.example/docker-hub/') ? '' :",
                "e.image.startsWith('old.example/team/more/') ? 'cache.example:8443/m/team/more/' + e.image.substring(22) :",
                "e.image.startsWith('old.example/chain/') ? 'cache.example:8443/m/chain/' + e.image.substring(18) :",
                "e.image.startsWith('old.example/quay/') ? (e.image.matches('^old[.]example/quay/(?:prom/[^:@]*|(?:[^:@]*/)?ok|x[^/:@]*)(?:[:@]|$)') && !e.image.matches('^old[.]example/quay/(?:prom/secret)(?:[:@]|$)') ? 'cache.example:8443/m/quay/' + e.image.substring(17) : '') :",
                "e.image.startsWith('old.example/team/') ? 'cache.example:8443/m/team/' + e.image.substring(17) :",
                "e.image.startsWith('old.example/deep/') ? 'cache.example:8443/m/deep/' + e.image.substring(17) :",
                "e.image.startsWith('old.example/') ? 'cache.example:8443/m/' + e.image.substring(12) :",
            ],
            Expression(Everything(), "renamed").Split('\n').Select(line => line.Trim()).Where(line => line.EndsWith(" :", StringComparison.Ordinal)));
    }

    [Fact]
    public void Each_step_cuts_off_exactly_what_it_has_matched()
    {
        var steps = Cut().Matches(Expression(Everything(), "renamed"));

        Assert.NotEmpty(steps);
        Assert.All(steps, step => Assert.Equal(step.Groups["begin"].Length.ToString(System.Globalization.CultureInfo.InvariantCulture), step.Groups["length"].Value));
    }

    /// <summary>.NET reads these expressions as RE2 does: there are only groups, classes and anchors in them.</summary>
    [Theory]
    [InlineData("docker.io/library/nginx", true)]
    [InlineData("quay.io/a__b/c--d.e/f:1.2_3", true)]
    [InlineData("localhost:5000/x@sha256:e3b0c442", true)]
    [InlineData("quay.io/A/b", false)]
    [InlineData("quay.io/a___b", false)]
    [InlineData("quay.io/", false)]
    [InlineData("docker.io/library/Not A Reference", false)]
    [InlineData("quay.io/a:b:c", false)]
    public void Only_whole_references_are_looked_at(string reference, bool isWhole) =>
        Assert.Equal(isWhole, Regex.IsMatch(reference, Expression(Everything(), "spelt").Split(".filter(e, e.image.matches('")[1].Split("')")[0]));

    /// <summary>Every kind of rule, one beside another in whose way it is.</summary>
    public static PolicyManifest Everything() => Of(new()
    {
        Rules =
        [
            new() { Prefix = "quay", UpstreamName = "quay.io", Upstream = new("https://quay.io"), Allow = ["prom/**", "**/ok", "x*"], Deny = ["prom/secret"] },
            new() { Prefix = "team", UpstreamName = "harbor.example:8443", Upstream = new("https://harbor.example:8443") },
            new() { Prefix = "team/more", UpstreamName = "other.example", Upstream = new("https://other.example") },
            new() { Prefix = "deep", UpstreamName = "harbor.example:8443", Upstream = new("https://harbor.example:8443"), UpstreamRepositoryPrefix = "a/b" },
            new() { Prefix = "chain", UpstreamName = "mirror.example", Upstream = new("https://mirror.example"), UpstreamRepositoryPrefix = "q", StandsFor = ["ghcr.io"] },
            new() { Prefix = "ROOT", UpstreamName = "root.example", Upstream = new("https://root.example") },
        ],
        DormantPresets = [Preset.All[2]],
    }) with
    {
        Registry = RegistryAddress.Parse("cache.example:8443/m"),
        OwnImages = ["ghcr.io/acme/millpond"],
        OldRegistries = [RegistryAddress.Parse("old.example")],
    };

    private static PolicyManifest Of(ServerConfiguration configuration) =>
        new(RegistryAddress.Parse("cache.example.com"), [.. RewriteMappings.Of(configuration, configuration.Admission.Tiers)]);

    private static string Expression(PolicyManifest policy, string variable) =>
        (string)YamlDocuments.Read(policy.ToYaml())[0]["spec"]!["variables"]!.AsArray().Single(one => (string?)one!["name"] == variable)!["expression"]!;

    private static void Check(string expression, HashSet<string> known)
    {
        var open = new Stack<char>();
        foreach (var mark in Quoted().Replace(expression, "''").Where(c => "()[]{}".Contains(c, StringComparison.Ordinal)))
        {
            if ("([{".Contains(mark, StringComparison.Ordinal))
            {
                open.Push(mark);
            }
            else
            {
                Assert.Equal(mark switch { ')' => '(', ']' => '[', _ => '{' }, open.Pop());
            }
        }

        Assert.Empty(open);
        Assert.All(Used().Matches(expression), use => Assert.Contains(use.Groups[1].Value, known));
    }

    [GeneratedRegex(@"startsWith\('(?<begin>[^']*)'\) \? (?:\([^?]*\? )?'[^']+' \+ e\.image\.substring\((?<length>\d+)\)")]
    private static partial Regex Cut();

    [GeneratedRegex("'[^']*'")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"variables\.(\w+)")]
    private static partial Regex Used();
}
