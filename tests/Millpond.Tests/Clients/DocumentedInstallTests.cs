using System.Text.RegularExpressions;
using Millpond.Server;
using Millpond.Server.Admission;
using Millpond.Tests.Admission;
using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>
/// The installation as it is documented, each line as written, by the real helm and a stand-in for the cluster: what helm would apply is
/// rendered, and what kubectl is told to run in a pod is run with that pod's variables and files.
/// </summary>
[Trait("Category", "Clients")]
public sealed partial class DocumentedInstallTests : IDisposable
{
    private const string NoPod = "Error from server (NotFound): pods \"millpond-0\" not found";

    /// <summary>install and upgrade render; the values of the release are kept for --reuse-values.</summary>
    private const string Helm = """
        #!/bin/bash
        set -euo pipefail
        verb=$1 release=$2 chart=$3; shift 3
        sets=() space=default reuse=
        while [ $# -gt 0 ]; do
          case $1 in
            --set) sets+=(--set "$2"); shift 2 ;;
            --namespace) space=$2; shift 2 ;;
            --reuse-values) reuse=yes; shift ;;
            --create-namespace) shift ;;
            *) echo "helm: unknown flag: $1" >&2; exit 1 ;;
          esac
        done
        [ "$verb" = install ] || { [ "$verb" = upgrade ] && [ -e "$CLUSTER/values" ]; }
        [ -z "$reuse" ] || { mapfile -d '' old < "$CLUSTER/values"; sets=("${old[@]}" "${sets[@]}"); }
        "$REAL_HELM" template "$release" "$chart" --namespace "$space" "${sets[@]}" > "$CLUSTER/objects.yaml.new"
        printf '%s\0' "${sets[@]}" > "$CLUSTER/values"
        mv "$CLUSTER/objects.yaml.new" "$CLUSTER/objects.yaml"
        """;

    /// <summary>exec runs the program of the build where the image has it; its files and variables are the pod's, laid out by the test.</summary>
    private const string Kubectl = """
        #!/bin/bash
        set -euo pipefail
        echo "$*" >> "$CLUSTER/kubectl.log"
        if [ "$1" = -n ]; then shift 2; fi
        case "$1 $2" in
          "rollout status") grep -q "^kind: $(echo "${3%%/*}" | sed 's/statefulset/StatefulSet/;s/deployment/Deployment/')" "$CLUSTER/objects.yaml"; grep -q "name: ${3#*/}$" "$CLUSTER/objects.yaml" ;;
          "exec "*)
            [ -e "$CLUSTER/pod.env" ] || { echo 'Error from server (NotFound): pods "millpond-0" not found' >&2; exit 1; }
            [ "$2 $3 $4" = "$(cat "$CLUSTER/pod.name") -- /opt/millpond/millpond" ]
            shift 4
            mapfile -d '' variables < "$CLUSTER/pod.env"
            cd "$CLUSTER/root/data"
            exec env -i "${variables[@]}" "$MILLPOND" "${@//\/etc\/millpond/$CLUSTER/root/etc/millpond}" ;;
          "get secret") grep -q "secretName: $3" "$CLUSTER/objects.yaml" && printf %s "$CA" ;;
          "delete mutatingwebhookconfiguration") grep -A3 "^kind: MutatingWebhookConfiguration" "$CLUSTER/objects.yaml" | grep -q "name: $3$" ;;
          "apply -f") cat > "$CLUSTER/applied.yaml" ;;
          *) echo "kubectl: not here: $*" >&2; exit 1 ;;
        esac
        """;

    private readonly TemporaryFolder cluster = new();
    private readonly ClientProgram bash = new("bash") { Limit = TimeSpan.FromMinutes(2) };

    public DocumentedInstallTests()
    {
        var programs = Path.Join(bash.Folder, "bin");
        Directory.CreateDirectory(programs);
        foreach (var (name, text) in new[] { ("helm", Helm), ("kubectl", Kubectl) })
        {
            var path = Path.Join(programs, name);
            File.WriteAllText(path, text);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        File.CreateSymbolicLink(Path.Join(programs, "millpond"), Program);
        bash.Environment["PATH"] = $"{programs}:{System.Environment.GetEnvironmentVariable("PATH")}";
        bash.Environment["CLUSTER"] = cluster.Path;
        bash.Environment["REAL_HELM"] = RequireClient.OrSkip("helm");
        bash.Environment["MILLPOND"] = Program;
    }

    private static string Program => Path.Join(AppContext.BaseDirectory, "millpond");

    private string Objects => File.ReadAllText(cluster.File("objects.yaml"));

    public void Dispose()
    {
        bash.Dispose();
        cluster.Dispose();
    }

    [Fact]
    public async Task The_chart_is_installed_by_the_line_in_its_README()
    {
        await RunAsync(Assert.Single(CommandBlocks.Of("deploy/helm/millpond/README.md")));

        Assert.Contains("StatefulSet", KubernetesModels.Read(Objects));
    }

    [Fact]
    public async Task Reviews_are_installed_and_switched_off_by_the_lines_in_the_documentation()
    {
        var lines = CommandBlocks.Of("docs/admission.md").ToList();
        await RunAsync(lines[0]);
        var authority = await StartPodAsync();

        await RunAsync(lines[1]);

        Assert.Contains($"caBundle: {authority}\n", Objects, StringComparison.Ordinal);
        Assert.Contains("MutatingWebhookConfiguration", KubernetesModels.Read(Objects));
        await RunAsync(lines[2]);
    }

    [Fact]
    public async Task What_the_notes_say_comes_to_the_same()
    {
        await RunAsync(CommandBlocks.Of("docs/admission.md").First());
        var authority = await StartPodAsync();

        await RunAsync(NoteOn("rollout status", await NotesAsync()));
        await RunAsync(NoteOn("ca=$(", await NotesAsync()));

        Assert.Contains($"caBundle: {authority}\n", Objects, StringComparison.Ordinal);
        await RunAsync(NoteOn("delete mutating", await NotesAsync("admission.caBundle=QUJD")));
    }

    [Fact]
    public async Task With_a_certificate_of_ones_own_the_notes_take_the_authority_from_its_secret()
    {
        bash.Environment["CA"] = "QUJD";
        await RunAsync(CommandBlocks.Of("docs/admission.md").First().TrimEnd() + " --set admission.tls.secretName=own-tls");
        var notes = await NotesAsync("admission.tls.secretName=own-tls");

        await RunAsync(NoteOn("rollout status", notes));
        await RunAsync(NoteOn("ca=$(", notes));

        Assert.Contains("caBundle: QUJD\n", Objects, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_authority_nothing_is_upgraded()
    {
        var lines = CommandBlocks.Of("docs/admission.md").ToList();
        await RunAsync(lines[0]);
        var before = Objects;

        // No pod; and a pod that says nothing.
        Assert.Contains(NoPod, (await TryAsync(lines[1])).Errors, StringComparison.Ordinal);
        Assert.Equal(before, Objects);
        bash.Environment["MILLPOND"] = "/bin/true";
        LayOut();
        Assert.NotEqual(0, (await TryAsync(lines[1])).ExitCode);
        Assert.NotEqual(0, (await TryAsync(NoteOn("ca=$(", await NotesAsync()))).ExitCode);
        Assert.Equal(before, Objects);
    }

    [Fact]
    public async Task The_plain_manifests_are_followed_by_the_lines_at_their_head()
    {
        var path = Path.Join(SourceTree.Top, "deploy/admission/server.yaml");
        File.Copy(path, cluster.File("objects.yaml"));
        var authority = await StartPodAsync();
        var lines = (await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken)).TakeWhile(line => line.StartsWith('#')).Skip(1).Select(line => line[1..]);

        await RunAsync(string.Join('\n', lines));

        var applied = await File.ReadAllTextAsync(cluster.File("applied.yaml"), TestContext.Current.CancellationToken);
        Assert.Equal(["MutatingWebhookConfiguration"], KubernetesModels.Read(applied));
        Assert.Contains($"caBundle: {authority}\n", applied, StringComparison.Ordinal);
    }

    /// <summary>Starts what the first pod would run, where its own program and verbs find it; gives its authority.</summary>
    private async Task<string> StartPodAsync()
    {
        var environment = LayOut();
        var result = Server.Configuration.ConfigurationReader.Read(cluster.File("root/etc/millpond/millpond.yaml"), environment, []);
        Assert.True(result.Configuration is not null, result.Describe());
        var data = environment.GetValueOrDefault("MILLPOND__DATA") ?? cluster.File("root/data/millpond");
        var configuration = result.Configuration with { Listen = [new("http://127.0.0.1:0")], OperationsListen = [], Data = data };
        configuration = configuration with { Admission = configuration.Admission with { Listen = [new("https://127.0.0.1:0")] } };
        await using var server = await ServerHost.StartAsync(configuration, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken);
        return SelfSignedCertificate.Encode(SelfSignedCertificate.ReadAuthority(data)!);
    }

    /// <summary>The files and variables of the pod that serves; paths of the image are below a folder here.</summary>
    private Dictionary<string, string> LayOut()
    {
        var objects = YamlDocuments.Read(Objects);
        var set = Assert.Single(objects, one => (string?)one["kind"] == "StatefulSet");
        var container = set["spec"]!["template"]!["spec"]!["containers"]![0]!;
        var map = objects.First(one => (string?)one["kind"] == "ConfigMap" && (string?)one["metadata"]!["name"] == (string?)set["metadata"]!["name"]);
        var root = cluster.File("root");
        Directory.CreateDirectory(Path.Join(root, "etc/millpond"));
        Directory.CreateDirectory(Path.Join(root, "data"));
        File.WriteAllText(Path.Join(root, "etc/millpond/millpond.yaml"), ((string)map["data"]!["millpond.yaml"]!).Replace(" /data/", $" {root}/data/", StringComparison.Ordinal));
        var environment = (container["env"]?.AsArray() ?? []).ToDictionary(
            variable => (string)variable!["name"]!, variable => ImagePath().Replace((string?)variable!["value"] ?? "", $"{root}$0"), StringComparer.Ordinal);
        File.WriteAllText(cluster.File("pod.name"), $"{set["metadata"]!["name"]}-0");
        string[] program = [$"PATH={System.Environment.GetEnvironmentVariable("PATH")}", $"DOTNET_ROOT={System.Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "/usr/share/dotnet"}"];
        File.WriteAllText(cluster.File("pod.env"), string.Join('\0', program.Concat(environment.Select(variable => $"{variable.Key}={variable.Value}"))));
        return environment;
    }

    private async Task<string> NotesAsync(params string[] values)
    {
        // As with `helm install`, whose template does not show them.
        string[] all = ["image.repository=r.example/millpond", "config.access.mode=anonymous", "admission.enabled=true", .. values];
        using var helm = new ClientProgram("helm");
        string[] arguments = ["install", "millpond", Path.Join(SourceTree.Top, "deploy/helm/millpond"), "--namespace", "millpond", "--dry-run=client", .. all.SelectMany(value => (string[])["--set", value])];
        var shown = (await helm.RunAsync(arguments)).ShouldSucceed().Output;
        return shown[shown.IndexOf("NOTES:", StringComparison.Ordinal)..];
    }

    /// <summary>The command of the notes that has this in it.</summary>
    private static string NoteOn(string what, string notes) => Assert.Single(notes.Split('\n'), line => line.StartsWith("  ", StringComparison.Ordinal) && line.Contains(what, StringComparison.Ordinal)).Trim();

    private async Task RunAsync(string script) => (await TryAsync(script)).ShouldSucceed();

    private Task<ClientAnswer> TryAsync(string script) => bash.RunAsync("-c", $"cd '{SourceTree.Top}'\n{script}");

    [GeneratedRegex("^/(data|etc)(?=/)")]
    private static partial Regex ImagePath();
}
