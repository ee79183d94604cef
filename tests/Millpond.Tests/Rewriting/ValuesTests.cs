using static Millpond.Tests.Rewriting.YamlEditTests;

namespace Millpond.Tests.Rewriting;

/// <summary>The ways in which Helm charts put a reference together.</summary>
public sealed class ValuesTests
{
    [Theory]
    [InlineData("a: {image: {repository: quay.io/a/b, tag: x}}", "a: {image: {repository: cache.example.com/quay/a/b, tag: x}}")]
    [InlineData("a: {image: {repository: busybox}}", "a: {image: {repository: cache.example.com/docker-hub/library/busybox}}")]
    [InlineData("a: {image: {registry: quay.io, repository: a/b}}", "a: {image: {registry: cache.example.com/quay, repository: a/b}}")]
    [InlineData("a: {image: {registry: docker.io, repository: busybox}}", "a: {image: {registry: cache.example.com/docker-hub, repository: library/busybox}}")]
    [InlineData("a: {image: {registry: quay.io/a, repository: b}}", "a: {image: {registry: cache.example.com/quay/a, repository: b}}")]
    [InlineData("a: {image: {registry: quay.io, image: a/b}}", "a: {image: {registry: cache.example.com/quay, image: a/b}}")]
    [InlineData("a: {image: quay.io/a/b, tag: x}", "a: {image: cache.example.com/quay/a/b, tag: x}")]
    [InlineData("a: {image: a/b, imageTag: x}", "a: {image: cache.example.com/docker-hub/a/b, imageTag: x}")]
    [InlineData("a: {imageRegistry: quay.io, imageName: a/b}", "a: {imageRegistry: cache.example.com/quay, imageName: a/b}")]
    [InlineData("curlImage: curlimages/curl:8", "curlImage: cache.example.com/docker-hub/curlimages/curl:8")]
    [InlineData("runnerRepositoryAndTag: docker:dind", "runnerRepositoryAndTag: cache.example.com/docker-hub/library/docker:dind")]
    [InlineData("images: {operator: ghcr.io/a/b, scaler: x}", "images: {operator: cache.example.com/ghcr/a/b, scaler: x}")]
    [InlineData("images: [ghcr.io/a/b, a/b:1]", "images: [cache.example.com/ghcr/a/b, a/b:1]")]
    [InlineData("extraContainers: [{name: a, image: a/b:1}]", "extraContainers: [{name: a, image: cache.example.com/docker-hub/a/b:1}]")]
    [InlineData("extraArgs: [--acme-http01-solver-image=quay.io/a/b]", "extraArgs: [--acme-http01-solver-image=cache.example.com/quay/a/b]")]
    [InlineData("global: {hub: docker.io/istio}\npilot: {hub: '', image: pilot}\nproxy: {image: proxyv2}", "global: {hub: cache.example.com/docker-hub/istio}\npilot: {hub: '', image: pilot}\nproxy: {image: proxyv2}")]
    [InlineData("registry: quay.io/x\nagents: {image: {name: agent, tag: 7}}", "registry: cache.example.com/quay/x\nagents: {image: {name: agent, tag: 7}}")]
    [InlineData("image: {name: team/app, tag: '1'}", "image: {name: cache.example.com/docker-hub/team/app, tag: '1'}")]
    [InlineData("defaultBackendRepository: team/backend\ndefaultBackendTag: v1", "defaultBackendRepository: cache.example.com/docker-hub/team/backend\ndefaultBackendTag: v1")]
    [InlineData("image: {repository: team/app, version: '1'}", "image: {repository: cache.example.com/docker-hub/team/app, version: '1'}")]
    [InlineData("registry: quay.io\na: {image: {repository: team/a}}\nb: {image: {repository: ghcr.io/b/b}}", "registry: cache.example.com/quay\na: {image: {repository: team/a}}\nb: {image: {repository: cache.example.com/ghcr/b/b}}")]
    [InlineData("global: {defaultImageRegistry: ghcr.io}\na: {image: {registry: '', repository: team/a}}", "global: {defaultImageRegistry: cache.example.com/ghcr}\na: {image: {registry: '', repository: team/a}}")]
    [InlineData("image: {registry: quay.io, repository: lab/app@sha256, tag: '12'}", "image: {registry: cache.example.com/quay, repository: lab/app@sha256, tag: '12'}")]
    [InlineData("image: {registry: quay.io/, repository: a/b}", "image: {registry: cache.example.com/quay/, repository: a/b}")]
    [InlineData("image_registry: quay.io/team\napi_image_name: api\napi_image_tag: v1", "image_registry: cache.example.com/quay/team\napi_image_name: api\napi_image_tag: v1")]
    [InlineData("imagePrefix: ghcr.io/team/", "imagePrefix: cache.example.com/ghcr/team/")]
    [InlineData("tool: {repository: ghcr.io/team, image: app, tag: v1}", "tool: {repository: cache.example.com/ghcr/team, image: app, tag: v1}")]
    [InlineData("preloadImages: 'quay.io/team/x:1,ghcr.io/team/y:2'", "preloadImages: 'cache.example.com/quay/team/x:1,cache.example.com/ghcr/team/y:2'")]
    public void Each_form_has_its_key(string before, string after) => AssertRewrites(before, after, "values.yaml");

    [Theory]
    [InlineData("j: {registry: txt, repository: 'https://charts.example.com'}")]
    [InlineData("chart: {repository: org/repo, version: 1}")]
    [InlineData("image: {registry: '', repository: a/b}")]
    [InlineData("image: {tag: v1}")]
    [InlineData("image: {repository: null, registry: quay.io}")]
    [InlineData("image: {repository: '{{ .Values.x }}', tag: y}")]
    [InlineData("runImage: true")]
    [InlineData("baseImage: alpine")]
    [InlineData("images: {a: b/c}")]
    [InlineData("imagePullSecrets: [{name: image}]")]
    [InlineData("image: 'a b'")]
    [InlineData("pilot: {hub: '', image: pilot}")]
    [InlineData("header: {image: logo.png}")]
    [InlineData("a: {image: true, b: {image: 1.5}}")]
    [InlineData("theme: {backgroundImage: img/back.png, logo: team/logo, logoImage: 'team/logo:1'}")]
    [InlineData("nodes: {image: debian-12, sourceImage: 'team/debian:12'}\npool: {osImage: 'canonical/ubuntu:22.04'}")]
    [InlineData("node: {image: ami-0123456789abcdef0}")]
    [InlineData("imagePrefix: img\nrepositoryPrefix: test-repo\nregistryPrefix: /registry/keys\nimage_prefix: 'https://image.example.org/t/p/'")]
    [InlineData("description: 'runs quay.io/team/x:1 by default'")]
    [InlineData("allowedImages: ['quay.io/team/x:1']")]
    [InlineData("image: registry.example.org/team/app:1\nhelper: registry.example.org/team/helper:1")]
    [InlineData("image: {name: traefik, tag: '2'}")]
    public void What_is_no_image_stays(string text) => AssertStays(text, "values.yaml");

    [Fact]
    public void A_registry_for_all_images_is_edited_once() => AssertRewrites(
        "imageRegistry: quay.io\nimageNamespace: jetstack\nimage: {name: a, repository: ''}\nhook: {image: {name: b}}\n",
        "imageRegistry: cache.example.com/quay\nimageNamespace: jetstack\nimage: {name: a, repository: ''}\nhook: {image: {name: b}}\n",
        "values.yaml");

    [Fact]
    public void A_global_registry_is_taken_first_where_the_charts_take_it_first() => AssertEdits(
        """
        global:
          image: {registry: ⟦docker.io → cache.example.com/docker-hub⟧}
        a: {image: {registry: docker.io, repository: a/a}}
        b: {image: {registry: null, repository: ⟦memcached → library/memcached⟧}}
        c: {image: {registry: ⟦quay.io → cache.example.com/quay⟧, repository: a/c}}
        d: {image: {repository: ⟦a/d → cache.example.com/docker-hub/a/d⟧}}
        """,
        "values.yaml");

    [Fact]
    public void A_registry_that_overrides_all_is_the_one_that_counts() => AssertRewrites(
        "global: {imageRegistry: quay.io}\na: {image: {registry: docker.io, repository: a/b}}\n",
        "global: {imageRegistry: cache.example.com/quay}\na: {image: {registry: docker.io, repository: a/b}}\n",
        "values.yaml");

    [Fact]
    public void Images_that_cannot_share_their_registry_stay()
    {
        // {{ … }} may be anything: what the registry is edited to could be wrong for it.
        const string Text = "imageRegistry: quay.io\nimage: {name: a}\nhook: {image: {name: '{{ .x }}'}}\n";
        var (report, output) = Corpus.Rewrite("values.yaml", Text);
        Assert.Equal(Text, output);
        Assert.Equal(["shared-key", "placeholder"], report.References.Select(found => found.Reason));
    }

    [Theory]
    [InlineData("602401143452", "eks-managed-ecr")]
    [InlineData("123456789012", "private-ecr")]
    public void A_host_that_is_put_together_has_the_reason_of_its_registry(string account, string reason)
    {
        var text = $"image: {{tag: v1, domain: amazonaws.com, region: us-west-2, account: \"{account}\"}}\n";
        var (report, output) = Corpus.Rewrite("values.yaml", text);
        Assert.Equal(text, output);
        var found = Assert.Single(report.References);
        Assert.Equal(($"{account}.dkr.ecr.us-west-2.amazonaws.com/*:v1", reason), (found.Reference, found.Reason));
    }

    [Fact]
    public void A_host_that_is_put_together_stays_where_a_rule_covers_it()
    {
        const string Text = "image: {tag: v1, domain: amazonaws.com, region: us-west-2, account: \"123456789012\"}\n";
        var rules = new Millpond.Images.RewriteRules(
            Millpond.Images.RegistryAddress.Parse("cache.example.com"),
            [new(new("ecr", "123456789012.dkr.ecr.us-west-2.amazonaws.com"))]);
        var changes = Millpond.Rewriting.Edits.ReferenceChanges.Rewriting(rules, Millpond.Images.RegistryAddress.Parse("cache.example.com"));
        var (report, output) = Corpus.Rewrite("values.yaml", Text, changes);
        Assert.Equal(Text, output);
        Assert.Equal("composed-host", Assert.Single(report.References).Reason);
    }

    [Fact]
    public void Values_are_known_by_their_form_where_the_name_says_nothing()
    {
        AssertRewrites("image: {repository: a/b, tag: x}\nother: {image: nginx}\n",
            "image: {repository: cache.example.com/docker-hub/a/b, tag: x}\nother: {image: cache.example.com/docker-hub/library/nginx}\n", "prod.yaml");
        AssertStays("image: a/b\n", "prod.yaml");
        AssertStays("image: {repository: a/b, tag: x}\n---\na: b\n", "prod.yaml");
    }
}
