using static Millpond.Tests.Rewriting.YamlEditTests;

namespace Millpond.Tests.Rewriting;

/// <summary>Kustomize, Compose, charts, templates, JSON.</summary>
public sealed class OtherFormatTests
{
    [Theory]
    [InlineData("images:\n- name: a/b\n  newName: quay.io/a/b\n  newTag: x\n", "images:\n- name: a/b\n  newName: cache.example.com/quay/a/b\n  newTag: x\n")]
    [InlineData("images:\n- name: quay.io/a/b # why\n  newTag: x\n", "images:\n- name: quay.io/a/b # why\n  newName: cache.example.com/quay/a/b\n  newTag: x\n")]
    [InlineData("images:\n- newTag: x\n  name: quay.io/a/b", "images:\n- newTag: x\n  name: quay.io/a/b\n  newName: cache.example.com/quay/a/b")]
    [InlineData("images:\r\n  - name: quay.io/a/b\r\n    digest: y\r\n", "images:\r\n  - name: quay.io/a/b\r\n    newName: cache.example.com/quay/a/b\r\n    digest: y\r\n")]
    [InlineData("images: [{name: quay.io/a/b, newTag: x}]\n", "images: [{name: quay.io/a/b, newName: cache.example.com/quay/a/b, newTag: x}]\n")]
    [InlineData("images: [{name: quay.io/a/b}, {name: gcr.io/a/b, newTag: x}]\n", "images: [{name: quay.io/a/b}, {name: gcr.io/a/b, newTag: x}]\n")]
    public void A_kustomization_gets_new_names_and_keeps_its_keys(string before, string after)
    {
        const string Head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
        AssertRewrites(Head + before, Head + after);
        AssertRewrites(before, after, "base/kustomization.yaml");
    }

    [Fact]
    public void Patches_in_a_kustomization_are_rewritten() => AssertRewrites(
        "patches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    spec:\n      containers:\n      - image: quay.io/a/b\n",
        "patches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    spec:\n      containers:\n      - image: cache.example.com/quay/a/b\n",
        "kustomization.yaml");

    [Fact]
    public void Compose_files_are_known_by_name_and_services() => AssertEdits(
        """
        x-app: &app
          image: ⟦quay.io/a/b → cache.example.com/quay/a/b⟧:${TAG:-latest}
        services:
          web: {<<: *app}
          db:
            image: "⟦postgres:17 → cache.example.com/docker-hub/library/postgres:17⟧"
          own:
            image: ${REGISTRY}/a
            build:
              dockerfile_inline: |
                FROM ⟦alpine:3 → cache.example.com/docker-hub/library/alpine:3⟧ AS base
                COPY --from=base /x /x
        """,
        "docker-compose.yml");

    [Fact]
    public void A_charts_annotation_lists_images() => AssertRewrites(
        "apiVersion: v2\nname: a\nversion: 1.0.0\nannotations:\n  artifacthub.io/images: |\n    - name: a\n      image: ghcr.io/a/b:1\n",
        "apiVersion: v2\nname: a\nversion: 1.0.0\nannotations:\n  artifacthub.io/images: |\n    - name: a\n      image: cache.example.com/ghcr/a/b:1\n",
        "Chart.yaml");

    [Fact]
    public void Templates_keep_their_braces() => AssertEdits(
        """
        {{- /* a comment: with } */ -}}
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: {{ include "x.name" . }}
          {{- with .Values.labels }}
          labels: {{- toYaml . | nindent 4 }}
          {{- end }}
        spec:
          template:
            spec:
              containers:
                {{- if .Values.a }}
                - image: "⟦quay.io/a/b → cache.example.com/quay/a/b⟧:{{ .Values.tag | default "x" }}"
                {{- else }}
                - image: {{ .Values.repository }}:{{ .Values.tag }}
                {{- end }}
                - name: c
                  image: ⟦docker:dind → cache.example.com/docker-hub/library/docker:dind⟧
                  {{ include "x.env" . | nindent 10 }}
                  args: [--acme-http01-solver-image={{ .Values.solver }}]
        """);

    [Fact]
    public void Helpers_that_are_no_YAML_are_read_by_their_lines() => AssertEdits(
        """
        {{- define "runner.dind" -}}
        image: ⟦docker:dind → cache.example.com/docker-hub/library/docker:dind⟧
          args: {{ .args }}
        - image: "⟦quay.io/a/b:1 → cache.example.com/quay/a/b:1⟧" # why
            image: {{ .Values.image }}
          image: nginx
            name: image: quay.io/a/b
        {{- end }}
        """,
        "_helpers.tpl");

    [Fact]
    public void A_policy_in_a_template_stays() =>
        AssertStays("apiVersion: kyverno.io/v1\n  kind: ClusterPolicy\n{{ .x }}\n- image: quay.io/a/b:1\n");

    [Fact]
    public void JSON_keeps_its_escapes_tabs_and_order() => AssertRewrites(
        "{\n\t\"kind\":\"Pod\" , \"apiVersion\":\"v1\",\r\n\t\"spec\":{\"containers\":[{\"image\" : \"quay.io\\/a\\/b:1\"},{\"image\":\"\\u0067hcr.io/a/b\"}]}}{\"kind\":\"Pod\"}",
        "{\n\t\"kind\":\"Pod\" , \"apiVersion\":\"v1\",\r\n\t\"spec\":{\"containers\":[{\"image\" : \"cache.example.com\\/quay\\/a\\/b:1\"},{\"image\":\"cache.example.com/ghcr/a/b\"}]}}{\"kind\":\"Pod\"}",
        "x.json");

    [Fact]
    public void Standard_input_is_told_by_its_content()
    {
        AssertRewrites("# x\nFROM nginx\n", "# x\nFROM cache.example.com/docker-hub/library/nginx\n", "-");
        AssertRewrites("locals {\n  a_image = \"quay.io/a/b\"\n}\n", "locals {\n  a_image = \"cache.example.com/quay/a/b\"\n}\n", "-");
        AssertRewrites("[{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"a\"}]}}]",
            "[{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"cache.example.com/docker-hub/library/a\"}]}}]", "-");
    }
}
