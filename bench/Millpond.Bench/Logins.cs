using System.Text;
using System.Text.Json.Nodes;
using Millpond.Server.Access.Signatures;

namespace Millpond.Bench;

/// <summary>What it costs to be asked by who has logged in: pulls with a token beside the same without one, and signed calls of the control plane.</summary>
internal sealed class Logins(BenchOptions options, Origin origin, Report report)
{
    private const int Connections = 32;
    private const int WarmUpSeconds = 5;
    private const string Target = "AmazonEC2ContainerRegistry_V20150921";
    private const string Region = "us-east-1";

    /// <summary>One signed call, again and again: a signature holds for five minutes.</summary>
    private const string Script = """
        function init(pairs)
          for i = 1, #pairs - 1, 2 do wrk.headers[pairs[i]] = pairs[i + 1] end
          wrk.method = "POST"
          wrk.body = pairs[#pairs]
        end

        """ + Wrk.Done;

    public async Task MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var own = Directory.CreateDirectory(Path.Join(folder, "logins")).FullName;
        using var server = await StartAsync(own);
        var key = AwsCredentials.Find(name => name == "AWS_SHARED_CREDENTIALS_FILE" ? Path.Join(own, "data", "root-credentials") : null, out var why)
            ?? throw new InvalidOperationException($"The server made no key: {why}");
        using var client = new HttpClient();
        using var answer = await client.SendAsync(Call(server.Address, "GetAuthorizationToken", "{}", key), cancellationToken);
        var token = (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!["authorizationData"]![0]!["authorizationToken"]!;
        var (open, closed) = (new Uri(server.Address, $"/v2/open/{BenchImage.Repository}/manifests/1"), new Uri(server.Address, $"/v2/closed/{BenchImage.Repository}/manifests/1"));
        string[] login = ["-H", $"Authorization: Basic {token}"];
        await Warm.LoadManifestAsync(own, open, WarmUpSeconds, cancellationToken);
        await Warm.LoadManifestAsync(own, closed, WarmUpSeconds, cancellationToken, login);
        await LoadCallsAsync(own, server.Address, key, WarmUpSeconds, cancellationToken);
        for (var round = 0; round < options.Rounds; round++)
        {
            report.Add(Work.OpenManifestRate, Contender.Millpond, (await Warm.LoadManifestAsync(own, open, options.ManifestSeconds, cancellationToken)).Rate);
            report.Add(Work.TokenManifestRate, Contender.Millpond, (await Warm.LoadManifestAsync(own, closed, options.ManifestSeconds, cancellationToken, login)).Rate);
            var before = server.CpuSeconds;
            var (rate, _) = await LoadCallsAsync(own, server.Address, key, options.ManifestSeconds, cancellationToken);
            report.Add(Work.CallRate, Contender.Millpond, rate);
            report.Add(Work.CallCpu, Contender.Millpond, (server.CpuSeconds - before) / (rate * options.ManifestSeconds) * 1e6);
        }

        report.Divide(Work.TokenManifestRatio, Work.TokenManifestRate, Work.OpenManifestRate, Contender.Millpond);
    }

    private Task<ServerProcess> StartAsync(string folder)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Join(folder, "millpond.yaml");
        var upstream = origin.Unpaced.Address.GetLeftPart(UriPartial.Authority);
        File.WriteAllText(configuration, $$"""
            listen: http://127.0.0.1:{{port}}
            data: {{folder}}/data
            access: {mode: token}
            presets: []
            rules:
              - {prefix: open, upstream: "{{upstream}}", proxy: none, access: anonymous}
              - {prefix: closed, upstream: "{{upstream}}", proxy: none}
            log: {level: error, access: false}
            """);
        return ServerProcess.StartAsync(port, Path.Join(folder, "log"), options.Millpond, "serve", "--config", configuration);
    }

    private static HttpRequestMessage Call(Uri server, string operation, string input, AwsCredentials key) =>
        SignedCall.Make(server, Region, "ecr", $"{Target}.{operation}", Encoding.UTF8.GetBytes(input), key, TimeProvider.System.GetUtcNow());

    /// <summary>The cheapest call there is, so that what it costs is the protocol: the signature, the input, the right to it, the audit line that nobody writes.</summary>
    private static async Task<Load> LoadCallsAsync(string folder, Uri server, AwsCredentials key, int seconds, CancellationToken cancellationToken)
    {
        const string Input = """{"name":"BLOB_MOUNTING"}""";
        var script = Path.Join(folder, "call.lua");
        await File.WriteAllTextAsync(script, Script, cancellationToken);
        using var call = Call(server, "GetAccountSetting", Input, key);
        var headers = call.Headers.NonValidated.Concat(call.Content!.Headers.NonValidated).Where(header => header.Key != "Content-Length").SelectMany(header => (string[])[header.Key, header.Value.ToString()]);
        return await Wrk.RunAsync(Connections, seconds, script, [$"{server.GetLeftPart(UriPartial.Authority)}/", "--", .. headers, Input], cancellationToken);
    }
}
