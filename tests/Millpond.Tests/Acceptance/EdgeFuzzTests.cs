using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream.Tokens;
using Millpond.Server.Upstream.Transport;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>What strangers, and people in a hurry, send to the server's edge: a hundred thousand of each, nearly right. No crash, and no secret out.</summary>
[Trait("Category", "Heavy")]
public sealed class EdgeFuzzTests
{
    private const int Runs = 100_000;

    /// <summary>No piece of it is a word of anything else.</summary>
    private const string Secret = "zQ7+kX!9vWj2=";

    [Fact]
    public async Task Mutated_reviews_are_allowed_or_refused_and_say_no_secret()
    {
        var log = new CollectedLog();
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        using var metrics = new MillpondMetrics();
        var configuration = new ServerConfiguration
        {
            Rules = [.. Preset.All.Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream })],
            Admission = new() { Registry = RegistryAddress.Parse("cache.corp.example"), OwnImages = ["ghcr.io/acme/millpond"] },
        };
        var endpoint = AdmissionEndpoint.Create(new PullThroughRules(configuration), metrics, logs.CreateLogger<AdmissionEndpoint>());
        const string Pod = $$$"""
            {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1-2","kind":{"group":"","version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"web",
             "object":{"metadata":{"name":"a","annotations":{"millpond.dev/rewrite-except":"c2","x":"{{{Secret}}}"}},"spec":{"containers":[{"name":"c1","image":"quay.io/a/b:1",
             "env":[{"name":"TOKEN","value":"{{{Secret}}}"}],"args":["--password={{{Secret}}}"]},{"name":"c2","image":"nginx"}],"initContainers":[{"name":"i","image":"ghcr.io/a/b:2"}],"volumes":[{"name":"v","image":{"reference":"registry.k8s.io/pause:3.10"}}],"imagePullSecrets":[{"name":"s"}]}},"oldObject":null}}
            """;
        var mutation = new Mutation(1, "{", "}", "[", "]", ",", ":", "\"", "null", "true", "1e999", "\\u0000", "\\ud800", "\"image\":", "quay.io/", "é", "\u2028", "\0");
        var statuses = new Dictionary<int, int>();
        for (var run = 0; run < Runs; run++)
        {
            var body = mutation.Of(Pod);
            var (status, answer) = await ReviewAsync(endpoint, body);
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            Assert.True(status is 200 or 400, $"{status}: {body}");
            Assert.True(status == 400 || (bool?)JsonNode.Parse(answer)?["response"]?["allowed"] == true, $"{body}\n{answer}");
            Assert.DoesNotContain(Secret, answer, StringComparison.Ordinal);
        }

        Assert.Equal([200, 400], statuses.Keys.Order());
        Assert.True(statuses[200] > Runs / 20, $"Only {statuses[200]} were reviews.");
        Assert.DoesNotContain(log.Lines, line => line.Message.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public void Mutated_configurations_are_read_or_told_what_is_wrong_without_their_secrets()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("millpond.yaml", "");
        const string Yaml = $$"""
            listen: [http://127.0.0.1:5000]
            publicUrl: https://cache.corp.example
            storage: {limit: 80%, headroom: 5GB}
            defaults: {revalidateAfter: 6h, timeouts: {connect: 5s}, proxy: "http://me:{{Secret}}@proxy.example:3128"}
            rules:
              - prefix: team/harbor
                upstream: harbor.example:8443
                allow: ["**"]
                headers: {X-Api-Key: "{{Secret}}", Via: millpond}
                tls: {insecure: false}
              - {prefix: ghcr, credential: {usernameEnv: GH_USER, tokenEnv: GH_TOKEN}, allow: [acme/**], completeIndexes: [linux/amd64]}
            listeners: [{url: "http://127.0.0.1:5001", rule: team/harbor}]
            """;
        (string Name, string Value)[] variables =
        [
            ("MILLPOND__RULES__GHCR__HEADERS", $"X-Token={Secret}"), ("MILLPOND__DEFAULTS__PROXY", $"http://u:{Secret}@proxy.example"), ("MILLPOND__LISTENERS", "ghcr=http://127.0.0.1:5002"),
            ("MILLPOND__STORAGE__LIMIT", "70%"), ("MILLPOND__RULES__TEAM_HARBOR__ALLOW", "a/**,b/*"),
        ];
        var mutation = new Mutation(2, ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "*a", "&a ", "!t ", "|", ">", "\"", "'", "~", "null", "80%", "http://", "@", "<<", "---", "prefix: ", "é", "\0");
        var read = 0;
        for (var run = 0; run < Runs; run++)
        {
            // Mostly the file; the environment is read from memory, so it costs nothing to change as well.
            var yaml = run % 4 == 0 ? Yaml : mutation.Of(Yaml);
            File.WriteAllBytes(file, Encoding.UTF8.GetBytes(yaml));
            var variable = mutation.One(variables);
            var environment = new Dictionary<string, string> { ["GH_USER"] = "me", ["GH_TOKEN"] = Secret };
            if (run % 4 is 0 or 1)
            {
                environment[run % 8 == 0 ? "MILLPOND__" + mutation.Of(variable.Name["MILLPOND__".Length..]) : variable.Name] = mutation.Of(variable.Value);
            }

            var result = ConfigurationReader.Read(file, environment, []);
            Assert.True(result.Configuration is null != result.Mistakes.IsEmpty, yaml);
            Assert.False(result.Describe().Contains(Secret, StringComparison.Ordinal), $"{result.Describe()}\n{yaml}\n{string.Join('\n', environment)}");
            read += result.Configuration is null ? 0 : 1;
        }

        Assert.InRange(read, Runs / 100, Runs - (Runs / 100));
    }

    [Fact]
    public void Mutated_challenges_send_no_credential_to_a_stranger()
    {
        var rule = new PullThroughRule
        {
            Prefix = "up",
            UpstreamName = "registry.example",
            Upstream = new("https://registry.example"),
            TokenRealms = [new("https://sso.example/token")],
            Credential = new(null, "U", "T"),
        };
        ImmutableArray<string> lines =
        [
            "Bearer realm=\"https://registry.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull\"", "Basic realm=\"x\", Bearer realm=\"https://sso.example/token\"",
            "Bearer realm=https://sso.example/token,service=s", "Negotiate dG9rZW4vKw==, Bearer realm=\"/token\"",
        ];
        var mutation = new Mutation(3, "\"", ",", "=", "\\", "@", "//", "/", ":", "https://evil.example/", "http:", ".evil.example", "realm=", "Bearer ", "#", "?", "%2f", "\t", "\r\n", "\0", "é", "xn--", "[::1]");
        var (asked, refused) = (0, 0);
        for (var run = 0; run < Runs; run++)
        {
            var line = mutation.Of(mutation.One(lines));
            foreach (var challenge in Challenge.Parse([line]))
            {
                try
                {
                    var realm = TokenRealm.Check(rule, challenge["realm"]);
                    asked++;
                    Assert.True(
                        realm is { Scheme: "https", IdnHost: "registry.example" or "sso.example", IsDefaultPort: true, UserInfo: "" }, $"{line}\n{realm}");
                }
                catch (UpstreamException)
                {
                    refused++;
                }
            }
        }

        Assert.True(asked > Runs / 10 && refused > Runs / 10, $"{asked} asked, {refused} refused");
    }

    private static async Task<(int Status, string Answer)> ReviewAsync(AdmissionEndpoint endpoint, string body)
    {
        using var answer = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Request.Method = "POST";
        context.Request.Path = AdmissionEndpoint.Path;
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        context.Response.Body = answer;
        await endpoint.AnswerAsync(context);
        await context.Response.BodyWriter.FlushAsync();
        return (context.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
    }
}
