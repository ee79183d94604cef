using System.Text;
using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Tests.Rewriting;

/// <summary>Values whose registry is a default of their chart: of its templates, its schema, or the values of its parts. Evidence, or nothing.</summary>
public sealed class ChartTests
{
    private const string Open = "image: {registry: \"\", repository: team/app, tag: v1}\n";
    private const string FromQuay = "image: {registry: \"cache.example.com/quay\", repository: team/app, tag: v1}\n";

    [Theory]
    [InlineData("image: {{ .Values.image.registry | default \"quay.io\" }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}")]
    [InlineData("image: \"{{ printf \"%s/%s:%s\" (default \"quay.io\" .Values.image.registry) .Values.image.repository .Values.image.tag }}\"")]
    [InlineData("image: {{ tpl .Values.image.registry $ | default .Values.global.imageRegistry | default \"quay.io\" }}/{{ .Values.image.repository }}")]
    [InlineData("image: {{ coalesce .Values.global.imageRegistry .Values.image.registry \"quay.io\" }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}")]
    [InlineData("{{- $i := .Values.image -}}\n{{- $reg := $i.registry | default \"quay.io\" -}}\n{{- printf \"%s/%s:%s\" $reg $i.repository $i.tag -}}")]
    [InlineData("{{ with .Values.image }}image: {{ .registry | default \"quay.io\" }}/{{ .repository }}{{ end }}")]
    [InlineData("{{ define \"app.image\" }}{{- $r := trimSuffix \"/\" (default \"quay.io\" .registry) -}}{{ print $r \"/\" .repository \":\" .tag }}{{ end }}{{ include \"app.image\" .Values.image }}")]
    [InlineData("{{ define \"app.image\" }}{{ .image.registry | default \"quay.io\" }}/{{ required \"x\" .image.repository }}{{ end }}a: {{ include \"app.image\" (dict \"image\" .Values.image \"root\" .) | quote }}")]
    [InlineData("{{ define \"reg\" }}{{ if .Values.image.registry }}{{ .Values.image.registry }}{{ else }}quay.io{{ end }}{{ end }}a: {{ include \"reg\" . }}/{{ .Values.image.repository }}")]
    [InlineData("{{ define \"reg\" }}{{ default \"quay.io\" .Values.image.registry }}/{{ end }}a: {{ template \"reg\" . }}{{ .Values.image.repository }}")]
    [InlineData("image: {{ index .Values \"image\" \"registry\" | default \"quay.io\" }}/{{ .Values.image.repository }}")]
    [InlineData("image: {{ dig \"registry\" \"quay.io\" .Values.image }}/{{ .Values.image.repository }}")]
    [InlineData("{{- if .Values.image.registry }}{{ .Values.image.registry }}{{ else }}{{/* not: ghcr.io }} */}}quay.io{{ end }}/{{ .Values.image.repository }}")]
    public void A_templates_default_is_the_registry(string template) => AssertRewrites(Open, FromQuay, ("templates/x.tpl", template));

    [Theory]
    [InlineData("image: {{ if .Values.image.registry }}{{ .Values.image.registry }}/{{ end }}{{ .Values.image.repository }}")]
    [InlineData("{{- if .Values.image.registry }}{{ printf \"%s/%s\" .Values.image.registry .Values.image.repository }}{{ else }}{{ printf \"%s\" .Values.image.repository }}{{ end }}")]
    [InlineData("{{- $image := printf \"%s:%s\" .Values.image.repository .Values.image.tag }}{{- if .Values.image.registry }}{{- $image = printf \"%s/%s\" .Values.image.registry $image }}{{- end }}a: {{ $image }}")]
    [InlineData("{{- $r := default \"\" .Values.image.registry }}{{ if $r }}{{ printf \"%s/%s\" $r .Values.image.repository }}{{ else }}{{ .Values.image.repository }}{{ end }}")]
    public void Where_a_template_puts_nothing_before_it_the_repository_is_the_name(string template) => AssertRewrites(
        Open, "image: {registry: \"\", repository: cache.example.com/docker-hub/team/app, tag: v1}\n", ("templates/x.yaml", template));

    [Theory]
    [InlineData("image: {{ .Values.image.registry }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ .Values.image.registry | default \"quay.io\" }}/{{ .Values.image.repository }}\nb: {{ .Values.image.registry | default \"ghcr.io\" }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ .Values.image.registry | default (lookup \"v1\" \"Secret\" \"a\" \"b\") }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ .Values.image.registry | default .Chart.Name }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ .Values.image.registry | default \"{{ quay.io }}\" }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ .Values.image.registry | default \"team\" }}/{{ .Values.image.repository }}")]
    [InlineData("a: {{ include \"library.registry\" . }}/{{ .Values.image.repository }}")]
    [InlineData("{{ define \"a\" }}{{ include \"a\" . }}{{ end }}a: {{ include \"a\" . }}/{{ .Values.image.repository }}")]
    [InlineData("{{ if a }}{{ if b }}{{ else }}")]
    [InlineData("{{ \"unclosed")]
    public void What_the_templates_do_not_say_or_say_twice_stays(string template)
    {
        var (report, output) = Rewrite("values.yaml", Open, ("templates/x.yaml", template));
        Assert.Equal(Open, output);
        Assert.Equal("unknown-registry", Assert.Single(report.References).Reason);
    }

    [Theory]
    [InlineData("image: \"quay.io/{{ .Values.image.repository }}:{{ .Values.image.tag }}\"")]
    [InlineData("image: {{ .Values.global.imageRegistry | default \"quay.io\" }}/{{ .Values.image.repository }}")]
    public void A_registry_that_no_key_of_the_image_changes_is_told(string template)
    {
        const string Text = "image: {repository: team/app, tag: v1}\n";
        var (report, output) = Rewrite("values.yaml", Text, ("templates/x.yaml", template));
        Assert.Equal(Text, output);
        var found = Assert.Single(report.References);
        Assert.Equal(("quay.io/team/app:v1", "fixed-registry"), (found.Reference, found.Reason));
    }

    [Theory]
    [InlineData("image:\n  registry:\n  repository: team/app\n", "image:\n  registry: cache.example.com/quay\n  repository: team/app\n")]
    [InlineData("image:\n  registry: # none\n  repository: team/app\n", "image:\n  registry: cache.example.com/quay # none\n  repository: team/app\n")]
    [InlineData("image:\n  registry: null\n  repository: team/app\n", "image:\n  registry: cache.example.com/quay\n  repository: team/app\n")]
    [InlineData("image:\n  registry: ~ # x\n  repository: team/app\n", "image:\n  registry: cache.example.com/quay # x\n  repository: team/app\n")]
    [InlineData("image:\n  registry: ''\n  repository: team/app\n", "image:\n  registry: 'cache.example.com/quay'\n  repository: team/app\n")]
    [InlineData("image:\n  repository: team/app # x\n  tag: v1\n", "image:\n  repository: team/app # x\n  registry: cache.example.com/quay\n  tag: v1\n")]
    [InlineData("image:\r\n  repository: team/app\r\n", "image:\r\n  repository: team/app\r\n  registry: cache.example.com/quay\r\n")]
    [InlineData("image:\n  repository: team/app", "image:\n  repository: team/app\n  registry: cache.example.com/quay")]
    [InlineData("image: {repository: 'team/app'}\n", "image: {repository: 'team/app', registry: cache.example.com/quay}\n")]
    public void The_key_is_filled_in_or_added(string before, string after) =>
        AssertRewrites(before, after, ("templates/x.yaml", "a: {{ default \"quay.io\" .Values.image.registry }}/{{ .Values.image.repository }}"));

    [Fact]
    public void Docker_Hubs_library_is_filled_in_too() => AssertRewrites(
        "image: {registry: \"\", repository: busybox}\n",
        "image: {registry: \"cache.example.com/docker-hub\", repository: library/busybox}\n",
        ("templates/x.yaml", "a: {{ default \"docker.io\" .Values.image.registry }}/{{ .Values.image.repository }}"));

    [Fact]
    public void Another_key_of_the_values_that_comes_first_is_the_one_that_is_edited() => AssertRewrites(
        "global: {image: {registry: docker.io/kumahq}}\ncontrolPlane: {image: {repository: kuma-cp}}\n",
        "global: {image: {registry: cache.example.com/docker-hub/kumahq}}\ncontrolPlane: {image: {repository: kuma-cp}}\n",
        ("templates/_helpers.tpl", "{{ define \"f\" }}{{ $img := .image }}{{ $root := .root }}{{ $r := ($img.registry | default $root.Values.global.image.registry) }}{{ printf \"%s/%s\" $r $img.repository }}{{ end }}"),
        ("templates/x.yaml", "a: {{ include \"f\" (dict \"image\" .Values.controlPlane.image \"root\" $) }}"));

    [Theory]
    [InlineData("{\"properties\": {\"image\": {\"properties\": {\"registry\": {\"type\": \"string\", \"default\": \"quay.io\"}}}}}")]
    [InlineData("{\"$defs\": {\"i\": {\"properties\": {\"registry\": {\"default\": \"quay.io\"}}}}, \"properties\": {\"image\": {\"$ref\": \"#/$defs/i\"}}}")]
    [InlineData("{\"properties\": {\"image\": {\"default\": {\"registry\": \"quay.io\"}}}}")]
    public void A_schemas_default_is_the_registry_where_nothing_else_says(string schema)
    {
        AssertRewrites(Open, FromQuay, ("values.schema.json", schema));
        AssertRewrites(Open, Open.Replace("registry: \"\"", "registry: \"cache.example.com/ghcr\"", StringComparison.Ordinal),
            ("values.schema.json", schema), ("templates/x.yaml", "{{ default \"ghcr.io\" .Values.image.registry }}/{{ .Values.image.repository }}"));
        var (report, output) = Rewrite("values.yaml", Open, ("values.schema.json", schema),
            ("templates/x.yaml", "{{ if .Values.image.registry }}{{ .Values.image.registry }}/{{ end }}{{ .Values.image.repository }}"));
        Assert.Equal((Open, "unknown-registry"), (output, Assert.Single(report.References).Reason));
    }

    [Theory]
    [InlineData("charts/db/", "apiVersion: v2\nname: web\n", "db")]
    [InlineData("charts/db/", "apiVersion: v2\nname: web\ndependencies: [{name: db, alias: store, version: 1}]\n", "store")]
    [InlineData("charts/db-folder/", "apiVersion: v2\nname: web\n", "db")]
    public void A_parts_own_values_have_the_registry(string folder, string chart, string key) => AssertRewrites(
        $"{key}: {{image: {{repository: team/db}}}}\n",
        $"{key}: {{image: {{repository: team/db, registry: cache.example.com/quay}}}}\n",
        ("Chart.yaml", chart), ($"{folder}Chart.yaml", "name: db\n"), ($"{folder}values.yaml", "image: {registry: quay.io, repository: db}\n"));

    [Fact]
    public void A_parts_templates_get_what_both_say()
    {
        const string Template = "a: {{ default .Values.image.registry ((.Values.global).imageRegistry) }}/{{ .Values.image.repository }}";
        (string, string)[] files = [("charts/db/values.yaml", "image: {registry: quay.io, repository: db}\n"), ("charts/db/templates/x.yaml", Template)];
        AssertRewrites("db: {image: {repository: team/db}}\n", "db: {image: {repository: team/db, registry: cache.example.com/quay}}\n", files);
        AssertRewrites("global: {imageRegistry: ghcr.io}\ndb: {image: {repository: team/db}}\n",
            "global: {imageRegistry: cache.example.com/ghcr}\ndb: {image: {repository: team/db}}\n", files);
    }

    [Fact]
    public void A_part_that_is_not_at_hand_may_put_anything_before_it()
    {
        const string Text = "db: {image: {repository: team/db}}\nweb: {image: {repository: quay.io/team/web}}\n";
        var (report, output) = Rewrite("values.yaml", Text, ("Chart.yaml", "name: web\ndependencies: [{name: db, version: 1}]\n"));
        Assert.Equal(Text.Replace("quay.io", "cache.example.com/quay", StringComparison.Ordinal), output);
        Assert.Equal("unknown-registry", report.References[0].Reason);
    }

    [Fact]
    public void Other_values_of_the_chart_are_completed_by_its_own() => AssertRewrites(
        "a: {image: {repository: team/app}}\n", "a: {image: {repository: team/app, registry: cache.example.com/quay}}\n",
        ("values.yaml", "a: {image: {registry: quay.io, repository: x}}\n"),
        ("templates/x.yaml", "{{ .Values.a.image.registry }}/{{ .Values.a.image.repository }}"));

    [Fact]
    public void Images_of_a_range_are_told_apart() => AssertRewrites(
        "images:\n  a: {image: {registry: '', repository: team/a}}\n  b: {image: {registry: ghcr.io, repository: team/b}}\n",
        "images:\n  a: {image: {registry: 'cache.example.com/quay', repository: team/a}}\n  b: {image: {registry: cache.example.com/ghcr, repository: team/b}}\n",
        ("templates/x.yaml", "{{ range $k, $v := .Values.images }}{{ $v.image.registry | default \"quay.io\" }}/{{ $v.image.repository }}{{ end }}"));

    [Fact]
    public void Templates_whose_values_grow_for_ever_end()
    {
        const string Text = "{{ define \"t\" }}{{ $d := dict \"a\" . \"b\" . \"c\" (list . .) }}{{ include \"t\" $d }}{{ template \"t\" $d }}{{ default (default . .) (coalesce . . $d) }}{{ end }}{{ template \"t\" . }}";
        var (_, output) = Rewrite("values.yaml", Open, ("templates/x.tpl", Text));
        Assert.Equal(Open, output);
    }

    [Fact]
    public void Templates_that_call_each_other_for_ever_end()
    {
        var text = new StringBuilder();
        for (var i = 0; i < 30; i++)
        {
            text.Append($"{{{{ define \"t{i}\" }}}}{{{{ template \"t{(i + 1) % 30}\" (list . {i}) }}}}{{{{ template \"t{(i + 7) % 30}\" (dict \"a\" .) }}}}{{{{ end }}}}");
        }

        var (_, output) = Rewrite("values.yaml", Open, ("templates/x.tpl", text.ToString()), ("templates/y.yaml", "{{ template \"t0\" . }}"));
        Assert.Equal(Open, output);
    }

    private static void AssertRewrites(string before, string after, params (string, string)[] chart)
    {
        var (report, output) = Rewrite("values.yaml", before, chart);
        Assert.Equal(after, output);
        Assert.True(report.IsChanged);
        Assert.Equal(after, Rewrite("values.yaml", after, chart).Output);
    }

    private static (FileReport Report, string Output) Rewrite(string file, string content, params (string Path, string Text)[] files)
    {
        var chart = Chart.Read([.. files.Select(part => new ChartFile(part.Path, Encoding.UTF8.GetBytes(part.Text)))]);
        var rewriter = new FileRewriter(PlaceTables.Default, Corpus.ToCache, charts: _ => chart);
        using var output = new MemoryStream();
        var report = rewriter.Rewrite(file, new MemoryStream(Encoding.UTF8.GetBytes(content)), output);
        return (report, Encoding.UTF8.GetString(output.ToArray()));
    }
}
