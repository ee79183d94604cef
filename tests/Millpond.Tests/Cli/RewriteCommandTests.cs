using System.CommandLine;
using System.Text;
using Millpond.Cli;
using Millpond.Tests.Architecture;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>The verbs on files as a shell has them: modes, streams, exit codes.</summary>
public sealed class RewriteCommandTests : IDisposable
{
    private static readonly string[] Options = ["--registry", "cache.example.com", "--tiers", "all"];

    private readonly string folder = Directory.CreateTempSubdirectory("millpond-rewrite-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task One_file_goes_to_standard_output()
    {
        var path = Write("a.yaml", Before);
        Assert.Equal(new Result(0, After, ""), await RunAsync("", ["rewrite", path, .. Options]));
        Assert.Equal(Before, File.ReadAllText(path));
    }

    [Fact]
    public async Task It_is_a_filter() => Assert.Equal(new Result(0, After, ""), await RunAsync(Before, ["rewrite", "-", .. Options]));

    [Fact]
    public async Task A_folder_needs_a_mode()
    {
        Write("a.yaml", Before);
        var result = await RunAsync("", ["rewrite", folder, .. Options]);
        Assert.Equal(2, result.Exit);
        Assert.Contains("--in-place, --diff or --check", result.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_files_are_told_in_their_order_and_changed_each_once()
    {
        const int Files = 300;
        for (var i = 0; i < Files; i++)
        {
            // Every hundredth is long, and told while it is read.
            var text = i % 100 == 50 ? "---\na: " + new string('n', 1_200_000) + "\n" : string.Concat(Enumerable.Repeat("---\na: [b]\n", i % 7 * 50));
            Write($"{i:000}.yaml", $"{Before}{text}{(i % 10 == 3 ? "---\nimage: [quay.io/a/b:1\n" : "")}");
        }

        var told = (await RunAsync("", ["rewrite", folder, "--check", "--explain", .. Options])).Messages.Split('\n');
        var files = told.Where(line => line.StartsWith(folder, StringComparison.Ordinal)).Select(line => line[(folder.Length + 1)..(folder.Length + 4)]).ToList();
        Assert.Equal(files.Order(StringComparer.Ordinal), files);
        Assert.Equal(Files, files.Distinct().Count());
        Assert.Equal(30, told.Count(line => line.Contains(": left as it is, cannot be read", StringComparison.Ordinal)));

        var record = Path.Join(Directory.CreateTempSubdirectory("millpond-record-").FullName, "r.json");
        Assert.Equal(0, (await RunAsync("", ["rewrite", folder, "-i", "--record", record, "-q", .. Options])).Exit);
        Assert.All(Directory.GetFiles(folder), file => Assert.StartsWith(After, File.ReadAllText(file), StringComparison.Ordinal));
        Assert.Equal(Files, Directory.GetFiles(folder).Length);
        Assert.Equal(0, (await RunAsync("", ["restore", "--under", folder, "--record", record, "-i", "-q", .. Options])).Exit);
        Assert.All(Directory.GetFiles(folder), file => Assert.StartsWith(Before, File.ReadAllText(file), StringComparison.Ordinal));
        Directory.Delete(Path.GetDirectoryName(record)!, recursive: true);
    }

    [Fact]
    public async Task In_place_changes_files_and_keeps_their_mode_and_links()
    {
        var path = Write("a.yaml", Before);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var link = Path.Join(folder, "link.yaml");
        File.CreateSymbolicLink(link, path);
        Write("sub/.git/b.yaml", Before);
        Write("sub/notes.txt", Before);
        Assert.Equal(0, (await RunAsync("", ["rewrite", "--in-place", folder, .. Options])).Exit);
        Assert.Equal(After, File.ReadAllText(path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(path));
        Assert.NotNull(new FileInfo(link).LinkTarget);
        Assert.Equal(Before, File.ReadAllText(Path.Join(folder, "sub/.git/b.yaml")));
        Assert.Equal(Before, File.ReadAllText(Path.Join(folder, "sub/notes.txt")));
        Assert.Equal(5, Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Count(entry => !entry.EndsWith("b.yaml", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Check_fails_while_anything_would_change()
    {
        var path = Write("a.yaml", Before);
        Assert.Equal(1, (await RunAsync("", ["rewrite", "--check", folder, .. Options])).Exit);
        Assert.Equal(Before, File.ReadAllText(path));
        File.WriteAllText(path, After);
        Assert.Equal(0, (await RunAsync("", ["rewrite", "--check", folder, .. Options])).Exit);
    }

    [Fact]
    public async Task A_diff_can_be_applied()
    {
        var lines = string.Concat(Enumerable.Range(0, 30).Select(i => $"# {i} ä\n"));
        var text = $"{lines}{Before}{lines}---\n{Before}";
        var path = Write("a.yaml", text);
        var result = await RunAsync("", ["rewrite", "--diff", path, .. Options]);
        Assert.Equal(0, result.Exit);
        Assert.Equal(text.Replace("nginx", "cache.example.com/docker-hub/library/nginx", StringComparison.Ordinal), DiffTests.Apply(text, result.Output));
    }

    [Fact]
    public async Task A_record_gives_every_byte_back()
    {
        var first = Write("a.yaml", Before.Replace("nginx", "index.docker.io/library/nginx", StringComparison.Ordinal));
        var second = Write("kustomization.yaml", "images:\n- name: quay.io/a/b\n  newTag: x");
        var before = (File.ReadAllText(first), File.ReadAllText(second));
        var record = Path.Join(folder, "record.json");
        Assert.Equal(0, (await RunAsync("", ["rewrite", "--in-place", "--record", record, first, second, .. Options])).Exit);
        Assert.NotEqual(before, (File.ReadAllText(first), File.ReadAllText(second)));
        Assert.Equal(1, (await RunAsync("", ["restore", "--check", "--record", record, "--under", folder])).Exit);
        Assert.Equal(new Result(0, before.Item1, ""), await RunAsync("", ["restore", "--record", record, first]));
        Assert.Equal(0, (await RunAsync("", ["restore", "--in-place", "--record", record, "--under", folder])).Exit);
        Assert.Equal(before, (File.ReadAllText(first), File.ReadAllText(second)));
    }

    [Fact]
    public async Task A_record_is_added_to_by_later_runs()
    {
        var text = Before + "  - image: index.docker.io/a/b\n  - image: quay.io/a/b\n";
        var path = Write("a.yaml", text);
        var record = Path.Join(folder, "record.json");
        string[] run = ["rewrite", "--in-place", path, "--record", record, "--registry", "cache.example.com", "--tiers"];
        Assert.Equal(0, (await RunAsync("", [.. run, "quay"])).Exit);
        Assert.Equal(0, (await RunAsync("", [.. run, "all"])).Exit);
        Assert.Equal(0, (await RunAsync("", [.. run, "all"])).Exit);
        Assert.DoesNotContain(" index.docker.io", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal(new Result(0, text, ""), await RunAsync("", ["restore", "--record", record, path]));
        Assert.Equal(2, (await RunAsync("", ["restore", "--diff", "--record", record, "--under", folder])).Output.Split("--- a/").Length - 1);
        Assert.Equal(0, (await RunAsync("", ["restore", "--in-place", "--record", record, "--under", folder])).Exit);
        Assert.Equal(text, File.ReadAllText(path));
    }

    [Fact]
    public async Task What_is_no_record_is_not_overwritten()
    {
        var path = Write("a.yaml", Before);
        var other = Write("notes.json", "{}");
        Assert.Equal(2, (await RunAsync("", ["rewrite", "--in-place", path, "--record", other, .. Options])).Exit);
        Assert.Equal((Before, "{}"), (File.ReadAllText(path), File.ReadAllText(other)));
    }

    [Fact]
    public async Task A_file_that_changed_since_keeps_what_the_record_still_knows()
    {
        var path = Write("a.yaml", Before.Replace("nginx", "index.docker.io/library/nginx", StringComparison.Ordinal));
        var record = Path.Join(folder, "record.json");
        Assert.Equal(0, (await RunAsync("", ["rewrite", "--in-place", path, "--record", record, .. Options])).Exit);
        File.AppendAllText(path, "  - image: cache.example.com/docker-hub/library/bash\n");
        var result = await RunAsync("", ["restore", "--in-place", "--record", record, "--under", folder]);
        Assert.Contains("changed since it was rewritten", result.Messages, StringComparison.Ordinal);
        Assert.Equal(Before.Replace("nginx", "index.docker.io/library/nginx", StringComparison.Ordinal) + "  - image: bash\n", File.ReadAllText(path));
    }

    [Fact]
    public async Task A_filter_can_be_recorded_and_restored()
    {
        var record = Path.Join(folder, "record.json");
        var rewritten = await RunAsync(Before, ["rewrite", "-", "--record", record, .. Options]);
        Assert.Equal(new Result(0, Before, ""), await RunAsync(rewritten.Output, ["restore", "-", "--record", record]));
        Assert.Equal(2, (await RunAsync("other", ["restore", "-", "--record", record])).Exit);
    }

    [Fact]
    public async Task Without_a_record_the_familiar_form_comes_back() =>
        Assert.Equal(new Result(0, Before, ""), await RunAsync(After, ["restore", "-", .. Options]));

    [Fact]
    public async Task Explain_says_why()
    {
        var result = await RunAsync(Before + "  - image: gcr.io/a/b\n", ["rewrite", "-", "--explain", .. Options]);
        Assert.Contains("-:6: nginx -> cache.example.com/docker-hub/library/nginx: rewritten: ", result.Messages, StringComparison.Ordinal);
        Assert.Contains("-:7: gcr.io/a/b: gcr-not-an-upstream: ", result.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("millpond-rewrite", 0, true)]
    [InlineData("millpond-check", 1, false)]
    public async Task The_hooks_of_pre_commit_run_as_they_are_written(string hook, int exit, bool changed)
    {
        var text = await File.ReadAllTextAsync(Path.Join(SourceTree.Top, ".pre-commit-hooks.yaml"));
        var entry = text.Split($"- id: {hook}\n")[1].Split("entry: millpond ")[1].Split('\n')[0];
        string[] files = [Write("a.yaml", Before), Write("b.json", "{}")];

        // pre-commit runs the entry, then the user's args, then the files.
        Assert.Equal(exit, (await RunAsync("", [.. entry.Split(' '), .. Options, .. files])).Exit);
        Assert.Equal(changed ? After : Before, await File.ReadAllTextAsync(files[0]));
        Assert.Equal("{}", await File.ReadAllTextAsync(files[1]));
    }

    [Fact]
    public async Task Tiers_say_which_rules_count()
    {
        Assert.Equal(Before, (await RunAsync(Before, ["rewrite", "-", "--registry", "cache.example.com"])).Output);
        Assert.Equal(After, (await RunAsync(Before, ["rewrite", "-", "--registry", "cache.example.com", "--tiers", "quay,docker-hub"])).Output);
        var wrong = await RunAsync(Before, ["rewrite", "-", "--registry", "cache.example.com", "--tiers", "quai"]);
        Assert.Equal(2, wrong.Exit);
        Assert.Contains("'quai' is none of", wrong.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_names_ECRs_own_cache_is_moved_unless_it_is_to_be_kept()
    {
        var text = YamlEditTests.Pod("image: 222233334444.dkr.ecr.eu-west-1.amazonaws.com/quay/a/b:1");
        Assert.Equal(YamlEditTests.Pod("image: cache.example.com/quay/a/b:1"), (await RunAsync(text, ["rewrite", "-", .. Options])).Output);
        Assert.Equal(text, (await RunAsync(text, ["rewrite", "-", "--keep-ecr", .. Options])).Output);
        Assert.Contains("private-ecr", (await RunAsync(text, ["coverage", "-", "--keep-ecr", "--format", "json", .. Options])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_come_from_a_configuration_file()
    {
        var config = Write("millpond.config", "publicUrl: https://mill.example:8443\nrules:\n- {prefix: hub, upstream: docker.io, anonymous: true, deny: [\"library/secret\"]}\n");
        var text = Before + "  - image: secret\n";
        var result = await RunAsync(text, ["rewrite", "-", "--explain", "--config", config]);
        Assert.Equal(text.Replace("nginx", "mill.example:8443/hub/library/nginx", StringComparison.Ordinal), result.Output);
        Assert.Contains("secret: not-allowed: ", result.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("publicUrl: http://cache.example.com\n", "cache.example.com")]
    [InlineData("publicUrl: http://cache.example.com\nadmission: {registry: nodes.example.com/path}\n", "nodes.example.com/path")]
    public async Task A_configuration_names_the_cache_as_reviews_of_pods_do(string registry, string expected)
    {
        var config = Write("millpond.yaml", registry + "rules:\n- {prefix: team, upstream: https://registry.example.com, deny: [secret/*]}\n");
        var result = await RunAsync(
            YamlEditTests.Pod("image: registry.example.com/a/b:1\n  - image: registry.example.com/secret/b\n  - image: nginx"), ["rewrite", "-", "--explain", "--config", config]);
        Assert.Equal(YamlEditTests.Pod($"image: {expected}/team/a/b:1\n  - image: registry.example.com/secret/b\n  - image: nginx"), result.Output);
        Assert.Equal(["rewritten", "not-allowed", "tier-off"], result.Messages.TrimEnd().Split('\n').Select(line => line.Split(": ")[2]));
    }

    [Theory]
    [InlineData("rewrite", "-")]
    [InlineData("rewrite", "--registry", "cache", "-")]
    [InlineData("rewrite", "--registry", "cache.example.com", "/no/such/file")]
    [InlineData("rewrite", "--registry", "cache.example.com")]
    [InlineData("rewrite", "--registry", "cache.example.com", "--in-place", "-")]
    [InlineData("rewrite", "--registry", "cache.example.com", "--in-place", "--check", "-")]
    [InlineData("rewrite", "--registry", "cache.example.com", "--check", "--record", "/tmp/x", "-")]
    [InlineData("rewrite", "--registry", "cache.example.com", "--tiers", "", "-")]
    [InlineData("rewrite", "--registry", "cache.example.com", "--frob", "-")]
    [InlineData("rewrite", "--server", "localhost:5000", "-")]
    [InlineData("restore", "--record", "/no/such/record")]
    public async Task What_cannot_be_done_is_said_in_a_line(params string[] arguments)
    {
        var result = await RunAsync(Before, arguments);
        Assert.Equal((2, ""), (result.Exit, result.Output));
        Assert.StartsWith("millpond: ", result.Messages, StringComparison.Ordinal);
        Assert.Single(result.Messages.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Coverage_has_three_forms_and_an_exit_code()
    {
        var path = Write("a.yaml", Before + "  - image: gcr.io/a/b\n");
        var json = await RunAsync("", ["coverage", path, "--format", "json", .. Options]);
        Assert.Contains("\"reference\": \"nginx\"", json.Output, StringComparison.Ordinal);
        Assert.Contains("| `nginx` | yes |", (await RunAsync("", ["coverage", path, "--format", "markdown", .. Options])).Output, StringComparison.Ordinal);
        var table = await RunAsync("", ["coverage", path, "--fail-uncovered", .. Options]);
        Assert.Contains("gcr.io/a/b", table.Output, StringComparison.Ordinal);
        Assert.Equal((0, 1), (json.Exit, table.Exit));
    }

    [Fact]
    public async Task What_cannot_be_read_is_not_taken_for_what_is_as_it_should_be()
    {
        var path = Write("a.yaml", "image: [\n---\n" + After);
        Assert.Equal(2, (await RunAsync("", ["rewrite", "--check", path, .. Options])).Exit);
        Assert.Equal(0, (await RunAsync("", ["rewrite", "-i", path, .. Options])).Exit);
        var coverage = await RunAsync("", ["coverage", path, "--format", "json", "--fail-uncovered", .. Options]);
        Assert.Equal(1, coverage.Exit);
        Assert.Contains($"\"what\": \"{path}:", coverage.Output, StringComparison.Ordinal);

        File.WriteAllText(path, "image: [\n---\n" + Before);
        Assert.Equal(1, (await RunAsync("", ["rewrite", "--check", path, .. Options])).Exit);
        Assert.Equal(2, (await RunAsync("", ["restore", "--check", path, .. Options])).Exit);
    }

    [Fact]
    public async Task A_kustomization_that_loses_what_it_matches_is_told()
    {
        Write("base.yaml", YamlEditTests.Pod("image: quay.io/a/b:1"));
        Write("kustomization.yaml", "images:\n- name: quay.io/a/b\n  newTag: 2\n- name: quay.io/a/c\n  newName: x/y\n");
        var result = await RunAsync("", ["rewrite", "--check", folder, .. Options]);
        Assert.Contains("kustomization.yaml:2: images[].name 'quay.io/a/b' no longer matches", result.Messages, StringComparison.Ordinal);
        Assert.Single(result.Messages.TrimEnd().Split('\n'));
    }

    private static string Before => YamlEditTests.Pod("image: nginx");

    private static string After => YamlEditTests.Pod("image: cache.example.com/docker-hub/library/nginx");

    private static async Task<Result> RunAsync(string input, string[] arguments)
    {
        using var output = new MemoryStream();
        await using var messages = new StringWriter();
        var streams = new Streams { Input = () => new MemoryStream(Encoding.UTF8.GetBytes(input)), Output = () => new KeptStream(output), Messages = messages };
        var root = new RootCommand { RewriteCommand.Create(streams), RestoreCommand.Create(streams), CoverageCommand.Create(streams) };
        var exit = await root.Parse(arguments[0] == "coverage" ? arguments : [.. arguments, "-q"]).InvokeAsync();
        return new Result(exit, Encoding.UTF8.GetString(output.ToArray()), messages.ToString());
    }

    private string Write(string name, string content)
    {
        var path = Path.Join(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    private sealed record Result(int Exit, string Output, string Messages);
}
