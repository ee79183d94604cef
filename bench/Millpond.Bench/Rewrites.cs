using System.Diagnostics;
using System.Text;

namespace Millpond.Bench;

/// <summary>
/// A repository of manifests looked through by <c>millpond rewrite --check</c>, start of the program included, beside <c>yq</c> doing the same edit
/// of <c>image</c> keys. As in real repositories most files name no image.
/// </summary>
internal sealed class Rewrites(BenchOptions options, Report report)
{
    public const string Yq = "yq";

    private const int FileLength = 8_600;

    /// <summary>One in so many files has workloads.</summary>
    private const int WorkloadEvery = 5;

    /// <summary>yq is given fewer files: it takes minutes for what takes seconds here, and its rate is the same.</summary>
    private const int YqShare = 50;

    private const string YqEdit = """(.. | objects | select(has("image")) | .image | strings) |= sub("^quay\\.io/"; "cache.corp.example/quay/")""";

    public async Task MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var files = WriteFiles(Directory.CreateDirectory(Path.Join(folder, "manifests")).FullName);
        var all = files.Sum(file => new FileInfo(file).Length);
        var few = files.Where((_, at) => at % YqShare == 0).ToList();
        for (var round = 0; round < options.Rounds; round++)
        {
            string[] check = ["rewrite", "--check", "--registry", "cache.corp.example", "--tiers", "all", Path.Join(folder, "manifests")];
            var seconds = await RunAsync(options.Millpond, check, expected: 1, cancellationToken);
            report.Add(Work.RewriteSpeed, Contender.Millpond, all / seconds / 1e6);
            if (IsThere(Yq))
            {
                seconds = await RunAsync(Yq, ["-y", YqEdit, .. few], expected: 0, cancellationToken);
                report.Add(Work.RewriteSpeed, Yq, few.Sum(file => new FileInfo(file).Length) / seconds / 1e6);
            }
        }
    }

    private List<string> WriteFiles(string folder)
    {
        var files = new List<string>();
        for (var number = 0; number < options.ManifestFiles; number++)
        {
            var text = new StringBuilder();
            for (var part = 0; text.Length < FileLength; part++)
            {
                text.Append(number % WorkloadEvery == 0 ? Workload(number, part) : Service(number, part));
            }

            var file = Path.Join(folder, $"{number}.yaml");
            File.WriteAllText(file, text.ToString());
            files.Add(file);
        }

        return files;
    }

    private static string Workload(int number, int part) => $$$"""
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web-{{{number}}}-{{{part}}}, labels: {app.kubernetes.io/name: web}}
        spec:
          replicas: 2
          template:
            spec:
              containers:
              - name: web
                image: quay.io/team/web:{{{part}}}  # kept
                args: [--listen=:8080, --log-level=info]
                resources: {requests: {cpu: 100m, memory: 128Mi}}

        """;

    private static string Service(int number, int part) => $$"""
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: web-{{number}}-{{part}}
          annotations: {example.com/docs: "https://docs.example.com/web"}
        spec:
          selector: {app.kubernetes.io/name: web}
          ports:
          - {name: http, port: 80, targetPort: 8080}

        """;

    private static bool IsThere(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Join(folder, program)));

    private static async Task<double> RunAsync(string program, string[] arguments, int expected, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == expected ? watch.Elapsed.TotalSeconds : throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
    }
}
