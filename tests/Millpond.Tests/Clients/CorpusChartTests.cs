using System.Text.RegularExpressions;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Clients;

/// <summary>
/// Charts of the corpus, rendered by the real helm: templates and values as their projects wrote them, byte for byte. Of each chart the
/// corpus has the deployment only, so the helpers that it calls (names, labels, and how cert-manager joins an image) are written here.
/// </summary>
[Trait("Category", "Clients")]
public sealed partial class CorpusChartTests : IDisposable
{
    private readonly ClientProgram helm = new("helm");

    public static TheoryData<string, string, string, string[]> Charts => new()
    {
        {
            "actions-runner-controller/gha-controller-templates-deployment.yaml", "actions-runner-controller/gha-controller-values.yaml", "0.12.1",
            ["ghcr.io/actions/gha-runner-scale-set-controller:0.12.1", "ghcr.io/actions/gha-runner-scale-set-controller:0.12.1"]
        },
        {
            "cert-manager/templates-deployment.yaml", "cert-manager/values.yaml", "v1.20.1",
            ["quay.io/jetstack/cert-manager-controller:v1.20.1", "quay.io/jetstack/cert-manager-acmesolver:v1.20.1"]
        },
        {
            "cloudwatch-exporter/templates-deployment.yaml", "cloudwatch-exporter/values.yaml", "0.16.0",
            ["docker.io/prom/cloudwatch-exporter:v0.16.0"]
        },
        { "velero/templates-deployment.yaml", "velero/values.yaml", "1.18.1", ["docker.io/velero/velero:v1.18.1"] },
        { "hnc/templates-controller-manager.yaml", "hnc/values.yaml", "1.1.0", [] },
    };

    public void Dispose() => helm.Dispose();

    [Theory]
    [MemberData(nameof(Charts))]
    public async Task What_a_chart_renders_is_rewritten_and_pulled(string template, string values, string version, string[] images)
    {
        Corpus.SkipWhereAbsent();
        await using var cache = await TieredCache.StartAsync();
        CreateChart(template, Corpus.Read(values), version);
        helm.AddMillpond();
        using var millpond = new ClientProgram(helm.File("bin/millpond"));
        var rendered = await RenderAsync();

        var rewritten = (await millpond.RunWithInputAsync(rendered, "rewrite", "-", "--server", $"{cache.Address}")).ShouldSucceed().Output;

        var pulled = new List<string>();
        foreach (var (before, after) in rendered.Split('\n').Zip(rewritten.Split('\n')).Where(pair => pair.First != pair.Second))
        {
            var original = Assert.Single(images.Distinct(), image => before.Contains(image.Replace("docker.io/", "", StringComparison.Ordinal), StringComparison.Ordinal));
            var reference = InCache(cache.Address).Match(after).Value;
            await cache.PullAsync(original, reference);
            pulled.Add(original);
        }

        Assert.Equal(images, pulled);

        // The other way to the same: the values are rewritten, and the chart rendered from them.
        var (_, inValues) = Corpus.Rewrite("values.yaml", Corpus.Read(values));
        CreateChart(template, inValues, version);
        Assert.Equal(Corpus.Rewrite("-", rendered).Output, await RenderAsync());
    }

    private static Regex InCache(Uri cache) => new($"{Regex.Escape(cache.Authority)}/[^\"\\s]+", RegexOptions.None, Patience.Limit);

    private void CreateChart(string template, byte[] values, string version)
    {
        var content = Corpus.Read(template);
        var text = System.Text.Encoding.UTF8.GetString(content);
        Directory.CreateDirectory(helm.File("chart/templates"));
        File.WriteAllBytes(helm.File("chart/templates/deployment.yaml"), content);
        File.WriteAllBytes(helm.File("chart/values.yaml"), values);
        File.WriteAllText(helm.File("chart/Chart.yaml"), $"apiVersion: v2\nname: chart\nversion: 1.0.0\nappVersion: \"{version}\"\n");
        File.WriteAllLines(helm.File("chart/templates/_helpers.tpl"), Called().Matches(text).Select(call => call.Groups[1].Value).Distinct().Select(Helper));
        foreach (Match file in Hashed().Matches(text))
        {
            File.WriteAllText(helm.File($"chart/templates/{file.Groups[1].Value}"), "# what the deployment takes a hash of\n");
        }
    }

    private static string Helper(string name) => $"{{{{- define \"{name}\" -}}}}\n{HelperText(name)}\n{{{{- end -}}}}";

    private static string HelperText(string name) => name switch
    {
        // Called with the image, the registry and the namespace of all images, and a tag.
        "cert-manager.image" => "{{ index . 1 }}/{{ index . 2 }}/{{ (index . 0).name }}{{ index . 3 }}",
        _ when name.EndsWith("abels", StringComparison.Ordinal) => "app: chart",
        _ => "{{ .Chart.Name }}",
    };

    private async Task<string> RenderAsync() => (await helm.RunAsync("template", "release", "chart")).ShouldSucceed().Output;

    [GeneratedRegex("(?:include|template) \"([^\"]+)\"")]
    private static partial Regex Called();

    [GeneratedRegex("BasePath \"/([^\"]+)\"")]
    private static partial Regex Hashed();
}
