using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Millpond.Bench;

/// <summary>Reviews of pods over TLS, beside an endpoint that only reads and allows; and whether every caller gets its own answer.</summary>
internal sealed class Reviews(BenchOptions options, Report report)
{
    private const int Connections = 64;
    private const int Distinct = 64;
    private const int LargeObject = 1_000_000;
    private const int ReviewsEach = 100;

    /// <summary>Until the JIT has done its last tier of what matters, on a machine that is busy with nothing else.</summary>
    private const int WarmUpSeconds = 10;

    /// <summary>Sends its files in turn.</summary>
    private const string Script = """
        local requests, at = {}, 0
        function init(names)
          for _, name in ipairs(names) do
            local file = assert(io.open(name, "rb"))
            requests[#requests + 1] = wrk.format("POST", "/admit?timeout=2s", {["Content-Type"] = "application/json"}, file:read("*a"))
            file:close()
          end
        end
        function request()
          at = at % #requests + 1
          return requests[at]
        end

        """ + Wrk.Done;

    public async Task MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "reviews")).FullName;
        var script = Path.Join(own, "review.lua");
        await File.WriteAllTextAsync(script, Script, cancellationToken);
        var usual = Enumerable.Range(0, Distinct).Select(number => ReviewBody.Make(number)).ToList();
        var usualFiles = usual.Select((review, at) => Write(own, $"usual-{at}.json", review)).ToList();
        var largeFile = Write(own, "large.json", ReviewBody.Make(Distinct, LargeObject));

        using var millpond = await StartMillpondAsync(options.Millpond, own);
        using var before = options.Before is { } other ? await StartMillpondAsync(other, Directory.CreateDirectory(Path.Join(own, "before")).FullName) : null;
        var certificate = Path.Join(own, "data/admission/tls.pem");
        using var empty = await StartEmptyAsync(own, certificate);
        report.Add(Work.ReviewMistakes, Contender.Millpond, await CountMistakesAsync(millpond, Path.Join(own, "data/admission/ca.crt"), cancellationToken));

        List<(string Name, ServerProcess Server)> servers = [(Contender.Millpond, millpond), (Contender.Empty, empty)];
        if (before is not null)
        {
            servers.Add((Contender.Before, before));
        }

        foreach (var (_, server) in servers)
        {
            await LoadAsync(server, script, [.. usualFiles, largeFile], WarmUpSeconds, cancellationToken);
        }

        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (name, server) in servers.InTurn(round))
            {
                await MeasureAsync(name, server, script, usualFiles, (Work.ReviewRate, Work.ReviewTail, Work.ReviewCpu), cancellationToken);
                await MeasureAsync(name, server, script, [largeFile], (Work.LargeReviewRate, Work.LargeReviewTail, Work.LargeReviewCpu), cancellationToken);
            }
        }
    }

    private static string Write(string folder, string name, ReviewBody review)
    {
        var file = Path.Join(folder, name);
        File.WriteAllText(file, review.Json);
        return file;
    }

    private static Task<ServerProcess> StartMillpondAsync(string program, string folder)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "millpond.yaml");
        File.WriteAllText(configuration, $$"""
            listen: []
            data: {{folder}}/data
            admission: {listen: "https://127.0.0.1:{{port}}", registry: {{ReviewBody.Registry}}, selfSigned: true}
            log: {level: warning, access: false}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "millpond.log"), program, "serve", "--config", configuration);
    }

    /// <summary>This program again, with the settings of the runtime that millpond is published with.</summary>
    private static Task<ServerProcess> StartEmptyAsync(string folder, string certificate)
    {
        var port = ServerProcess.FreePort();
        return ServerProcess.StartAsync(
            port, Path.Join(folder, "empty.log"), "env", "DOTNET_gcConcurrent=0", "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=0",
            Environment.ProcessPath!, EmptyEndpoint.Flag, port.ToString(CultureInfo.InvariantCulture), certificate);
    }

    private async Task MeasureAsync(
        string name, ServerProcess server, string script, IReadOnlyList<string> bodies, (Work Rate, Work Tail, Work Cpu) works, CancellationToken cancellationToken)
    {
        var before = server.CpuSeconds;
        var (rate, tail) = await LoadAsync(server, script, bodies, options.ManifestSeconds, cancellationToken);
        report.Add(works.Rate, name, rate);
        report.Add(works.Tail, name, tail.TotalMilliseconds);
        report.Add(works.Cpu, name, (server.CpuSeconds - before) / (rate * options.ManifestSeconds) * 1e6);
    }

    private static Task<Load> LoadAsync(ServerProcess server, string script, IReadOnlyList<string> bodies, int seconds, CancellationToken cancellationToken) =>
        Wrk.RunAsync(Connections, seconds, script, [$"https://{server.Address.Authority}", "--", .. bodies], cancellationToken);

    /// <summary>As many callers at once, each with questions of its own, each answer held against its question.</summary>
    private static async Task<double> CountMistakesAsync(ServerProcess server, string authority, CancellationToken cancellationToken)
    {
        using var transport = new SocketsHttpHandler { MaxConnectionsPerServer = Connections };
        using var trusted = X509CertificateLoader.LoadCertificateFromFile(authority);
        transport.SslOptions.CertificateChainPolicy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { trusted },
            RevocationMode = X509RevocationMode.NoCheck,
        };
        using var client = new HttpClient(transport) { BaseAddress = new Uri($"https://{server.Address.Authority}") };
        var callers = Enumerable.Range(0, Connections).Select(caller => Task.Run(() => CallAsync(client, caller, cancellationToken), cancellationToken));
        return (await Task.WhenAll(callers)).Sum();
    }

    private static async Task<int> CallAsync(HttpClient client, int caller, CancellationToken cancellationToken)
    {
        var mistakes = 0;
        for (var at = 0; at < ReviewsEach; at++)
        {
            var review = ReviewBody.Make((caller * ReviewsEach) + at);
            using var content = new StringContent(review.Json, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            using var answer = await client.PostAsync(new Uri("/admit?timeout=2s", UriKind.Relative), content, cancellationToken);
            if (!IsRight(review, await answer.Content.ReadAsStringAsync(cancellationToken)))
            {
                mistakes++;
            }
        }

        return mistakes;
    }

    private static bool IsRight(ReviewBody review, string body)
    {
        var response = JsonNode.Parse(body)!["response"]!;
        var patch = JsonNode.Parse(Convert.FromBase64String((string?)response["patch"] ?? ""))!.AsArray();
        var images = patch
            .Where(operation => (string?)operation!["op"] == "replace")
            .ToDictionary(operation => (string)operation!["path"]!, operation => (string)operation!["value"]!, StringComparer.Ordinal);
        var expected = review.Images.Select((image, at) => (Path: $"/spec/containers/{at}/image", image)).Where(one => one.image.StartsWith(ReviewBody.Registry, StringComparison.Ordinal)).ToList();
        return (string?)response["uid"] == review.Uid && (bool)response["allowed"]!
            && images.Count == expected.Count && expected.TrueForAll(one => images.GetValueOrDefault(one.Path) == one.image);
    }
}
