using Millpond.Rewriting.Places;
using static Millpond.Tests.Rewriting.YamlEditTests;

namespace Millpond.Tests.Rewriting;

/// <summary>Places of Kubernetes resources that only the tables know.</summary>
public sealed class ResourceTests
{
    [Theory]
    [InlineData("args: [--acme-http01-solver-image=quay.io/a/b:1]", "args: [--acme-http01-solver-image=cache.example.com/quay/a/b:1]")]
    [InlineData("args: [\"--prometheus-config-reloader=quay.io/a/b:1\", \"-v\"]", "args: [\"--prometheus-config-reloader=cache.example.com/quay/a/b:1\", \"-v\"]")]
    [InlineData("args:\n    - --prometheus-config-reloader\n    - quay.io/a/b", "args:\n    - --prometheus-config-reloader\n    - cache.example.com/quay/a/b")]
    [InlineData("env: [{name: RELATED_IMAGE_X, value: a/b:1}]", "env: [{name: RELATED_IMAGE_X, value: cache.example.com/docker-hub/a/b:1}]")]
    public void Known_arguments_and_variables_are_rewritten(string before, string after) => AssertRewrites(Pod(before), Pod(after));

    [Fact]
    public void An_argument_that_does_not_say_image_is_reported_and_stays()
    {
        var (report, _) = Corpus.Rewrite("x.yaml", Pod("args: [--mine=quay.io/a/b:1, --image=true]"));
        var found = Assert.Single(report.References);
        Assert.Equal((PlaceKind.Text, "unknown-place", false), (found.Kind, found.Reason, found.IsChanged));
    }

    [Fact]
    public void A_custom_resource_is_known_by_group_and_kind()
    {
        const string Prometheus = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec:\n  image: prom/prometheus\n";
        AssertRewrites(Prometheus, Prometheus.Replace("prom/", "cache.example.com/docker-hub/prom/", StringComparison.Ordinal));
        AssertStays(Prometheus.Replace("monitoring.coreos.com", "example.com", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("kops.k8s.io/v1alpha2", "InstanceGroup")]
    [InlineData("kyverno.io/v1", "ClusterPolicy")]
    [InlineData("constraints.gatekeeper.sh/v1beta1", "Anything")]
    [InlineData("image.toolkit.fluxcd.io/v1", "ImageRepository")]
    [InlineData("apiextensions.k8s.io/v1", "CustomResourceDefinition")]
    public void Kinds_that_only_name_images_stay(string version, string kind) =>
        AssertStays($"apiVersion: {version}\nkind: {kind}\nspec:\n  image: quay.io/a/b\n  containers:\n  - image: quay.io/a/b\n");

    [Fact]
    public void Manifests_in_strings_are_rewritten_and_records_of_kubectl_are_not() => AssertRewrites(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            kubectl.kubernetes.io/last-applied-configuration: |
              {"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"quay.io/a/b"}]}}
        data:
          pod.yaml: |
            apiVersion: v1
            kind: Pod
            spec:
              containers:
              - image: quay.io/a/b  # kept
          pod.json: '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"quay.io\/a\/b"}]}}'
          both: "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'quay.io/a/b'\n"
          prose: image is quay.io/a/b
        """,
        """
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            kubectl.kubernetes.io/last-applied-configuration: |
              {"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"quay.io/a/b"}]}}
        data:
          pod.yaml: |
            apiVersion: v1
            kind: Pod
            spec:
              containers:
              - image: cache.example.com/quay/a/b  # kept
          pod.json: '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"cache.example.com\/quay\/a\/b"}]}}'
          both: "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'cache.example.com/quay/a/b'\n"
          prose: image is quay.io/a/b
        """);

    [Fact]
    public void A_placeholder_stays_only_where_somebody_fills_it_in()
    {
        const string Pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations: {NAME: x}\nspec:\n  containers:\n  - image: auto\n";
        AssertStays(Pod.Replace("NAME", "inject.istio.io/templates", StringComparison.Ordinal));
        AssertRewrites(Pod, Pod.Replace("auto", "cache.example.com/docker-hub/library/auto", StringComparison.Ordinal));
    }

    [Fact]
    public void Values_in_a_release_are_read_as_values() => AssertEdits(
        """
        apiVersion: helm.toolkit.fluxcd.io/v2
        kind: HelmRelease
        spec:
          values:
            image:
              registry: ⟦quay.io → cache.example.com/quay⟧
              repository: a/b
        """);

    [Fact]
    public void A_JSON_patch_is_read_by_its_paths() => AssertEdits(
        """
        - op: replace
          path: /spec/template/spec/containers/0/image
          value: ⟦quay.io/a/b:1 → cache.example.com/quay/a/b:1⟧
        - {op: add, path: /metadata/labels/of, value: quay.io/a/b}
        """);

    [Fact]
    public void A_user_adds_rows_to_the_tables()
    {
        var tables = PlaceTables.Default.With("""
            resources:
            - {group: example.com, kinds: [Thing], places: ["spec.parts[].picture", 'spec."a.b"']}
            flags: [--my-image]
            environment: [MY_*]
            """u8.ToArray());
        var rewriter = new Millpond.Rewriting.Edits.FileRewriter(tables, Corpus.ToCache);
        var text = "apiVersion: example.com/v1\nkind: Thing\nspec:\n  a.b: a/b\n  parts:\n  - picture: a/c\n  args: [--my-image=a/d]\n  env: [{name: MY_X, value: a/e}]\n";
        var report = rewriter.Rewrite("x.yaml", new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), null);
        Assert.Equal(["a/b", "a/c", "a/d", "a/e"], report.References.Where(found => found.IsChanged).Select(found => found.Reference));
    }

    [Theory]
    [InlineData("resources: [{group: x}]")]
    [InlineData("resources: [{group: x, kinds: [Y], places: ['a as picture']}]")]
    [InlineData("resources: [{group: x, kindz: [Y], places: [a]}]")]
    [InlineData("rezources: []")]
    [InlineData("values: {ending: [x]}")]
    [InlineData("flags: --x")]
    [InlineData("- flags")]
    [InlineData("{")]
    public void Tables_in_another_form_are_refused(string yaml)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(yaml);
        if (yaml.Contains("group: x}", StringComparison.Ordinal))
        {
            // Without kinds and places a row matches nothing, which is no mistake of form.
            Assert.NotNull(PlaceTables.Default.With(bytes));
            return;
        }

        Assert.Throws<FormatException>(() => PlaceTables.Default.With(bytes));
    }

    [Theory]
    [InlineData("imageRepository: registry.k8s.io", "registry.k8s.io/* completed-prefix")]
    [InlineData("imageRepository: registry.k8s.io\ndns: {imageTag: v1}", "registry.k8s.io/* completed-prefix")]
    [InlineData("imageRepository: k8s.gcr.io\ndns: {imageRepository: k8s.gcr.io/coredns}", "k8s.gcr.io/* k8s-gcr-io-frozen|k8s.gcr.io/coredns/* k8s-gcr-io-frozen")]
    [InlineData("imageRepository: cache.example.com/k8s", "cache.example.com/k8s/* already-in-cache")]
    [InlineData("imageRepository: ''", "")]
    public void What_kubeadm_completes_in_a_way_of_its_own_is_told(string content, string told)
    {
        var document = $"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{content}\n";
        var (report, output) = Corpus.Rewrite("x.yaml", document);
        Assert.Equal(document, output);
        Assert.Equal(told, string.Join('|', report.References.Select(found => $"{found.Reference} {found.Reason}")));
    }

    [Fact]
    public void A_prefix_comes_back()
    {
        const string Before = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nimageRepository: registry.k8s.io\ndns: {imageRepository: registry.k8s.io/coredns}\n";
        var (report, output) = Corpus.Rewrite("x.yaml", Before);
        Assert.Equal(["cache.example.com/k8s/*", "cache.example.com/k8s/coredns/*"], report.References.Select(found => found.After));
        Assert.Equal(Before, Corpus.Rewrite("x.yaml", output, Corpus.FromCache).Output);
    }
}
