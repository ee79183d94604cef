using System.CommandLine;
using System.IO.Pipes;
using System.Text;
using Millpond.Cli;
using Millpond.Cli.Editing;
using Millpond.Rewriting.Records;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>Records and files as they are after runs that were repeated, cut short, or went on at the same time.</summary>
public sealed class RestoreCommandTests : IDisposable
{
    private const string Cached = "  - image: cache.example.com/docker-hub/library/bash\n";

    private static readonly string[] Options = ["--registry", "cache.example.com", "--tiers", "all"];
    private static readonly string[] Fewer = ["--registry", "cache.example.com", "--tiers", "default"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Record => folder.File("record.json");

    private static string Before => YamlEditTests.Pod("image: index.docker.io/library/nginx") + "  - image: QUAY.IO/a/b\n" + Cached;

    [Fact]
    public async Task What_is_as_it_was_stays_when_it_is_restored_again()
    {
        var path = folder.Write("a.yaml", Before);
        await RunAsync("", ["rewrite", "-i", path, "--record", Record, .. Options]);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(new VerbRun(0, "", ""), await RunAsync("", ["restore", "-i", "--record", Record, "--under", folder.Path]));
            Assert.Equal(Before, File.ReadAllText(path));
        }

        Assert.Equal(new VerbRun(0, "", ""), await RunAsync("", ["restore", "--check", "--record", Record, "--under", folder.Path]));
        Assert.Equal(new VerbRun(0, "", ""), await RunAsync("", ["restore", "--diff", "--record", Record, "--under", folder.Path]));
        Assert.Equal(new VerbRun(0, Before, ""), await RunAsync("", ["restore", path, "--record", Record]));
    }

    [Fact]
    public async Task A_filter_that_gets_what_was_there_before_passes_it_on()
    {
        await RunAsync(Before, ["rewrite", "-", "--record", Record, .. Options]);
        Assert.Equal(new VerbRun(0, Before, ""), await RunAsync(Before, ["restore", "-", "--record", Record]));
    }

    [Fact]
    public async Task A_rewriting_that_was_recorded_and_cut_short_is_not_taken_for_done()
    {
        var path = folder.Write("a.yaml", Before);
        await RunAsync("", ["rewrite", "-i", path, "--record", Record, .. Fewer]);
        var between = File.ReadAllText(path);
        await RunAsync("", ["rewrite", "-i", path, "--record", Record, .. Options]);
        Assert.NotEqual(between, File.ReadAllText(path));
        File.WriteAllText(path, between);
        Assert.Equal(new VerbRun(0, "", ""), await RunAsync("", ["restore", "-i", "--record", Record, "--under", folder.Path]));
        Assert.Equal(Before, File.ReadAllText(path));
    }

    [Fact]
    public async Task A_file_that_is_named_twice_is_recorded_once()
    {
        var path = folder.Write("a.yaml", Before);
        await RunAsync("", ["rewrite", "-i", path, Path.Join(folder.Path, ".", "a.yaml"), folder.Path, "--record", Record, .. Options]);
        using (var record = File.OpenRead(Record))
        {
            Assert.Single(RewriteRecord.Load(record).Files);
        }

        await RunAsync("", ["restore", "-i", "--record", Record, "--under", folder.Path]);
        Assert.Equal(Before, File.ReadAllText(path));
    }

    [Fact]
    public async Task Files_that_are_gone_are_named_and_the_others_restored()
    {
        var (path, other) = (folder.Write("a.yaml", Before), folder.Write("b.yaml", Before));
        await RunAsync("", ["rewrite", "-i", path, other, "--record", Record, .. Options]);
        await RunAsync(Before, ["rewrite", "-", "--record", Record, .. Options]);
        File.Delete(other);
        var run = await RunAsync("", ["restore", "-i", "--record", Record, "--under", folder.Path]);
        Assert.Equal((0, ""), (run.ExitCode, run.Output));
        Assert.StartsWith($"{other}: is not there", run.Messages, StringComparison.Ordinal);
        Assert.Equal(Before, File.ReadAllText(path));

        File.Delete(path);
        Assert.Equal(2, (await RunAsync("", ["restore", "-i", "--record", Record, "--under", folder.Path])).ExitCode);
    }

    [Fact]
    public async Task Runs_at_the_same_time_do_not_lose_what_the_other_has_recorded()
    {
        var runs = Enumerable.Range(0, 20).Select(i => (Path: $"{i:00}.yaml", Record: RecordFile.Open(new FileInfo(Record), "cache.example.com"))).ToArray();
        var state = new FileState(1, "a");
        await Parallel.ForEachAsync(runs, TestContext.Current.CancellationToken, (run, _) =>
        {
            run.Record.Save([new RecordedFile(run.Path, state, state, [])]);
            return ValueTask.CompletedTask;
        });
        Assert.Equal(runs.Select(run => run.Path), RecordFile.Load(new FileInfo(Record)).Files.Select(file => file.Path).Order());
        Assert.Equal([Record], Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("no/such/folder/record.json")]
    [InlineData("")]
    public async Task A_record_that_cannot_be_is_told_before_anything_is_changed_or_passed_on(string name)
    {
        var path = folder.Write("a.yaml", Before);
        foreach (var mode in new string[][] { [], ["-i"] })
        {
            var run = await RunAsync("", ["rewrite", path, .. mode, "--record", folder.File(name), .. Options]);
            Assert.Equal((2, ""), (run.ExitCode, run.Output));
            Assert.StartsWith("millpond: --record ", run.Messages, StringComparison.Ordinal);
            Assert.Equal(Before, File.ReadAllText(path));
        }
    }

    [Theory]
    [InlineData("""[{"path":"","before":STATE,"after":STATE,"edits":[]}]""")]
    [InlineData("""[null]""")]
    [InlineData("""[{"path":"a.yaml","before":STATE,"after":STATE,"edits":[null]}]""")]
    [InlineData("""[{"path":"a.yaml","before":STATE,"after":STATE,"edits":null}]""")]
    [InlineData("""[{"path":"a.yaml","before":STATE,"after":STATE}]""")]
    public async Task A_record_that_leaves_out_what_it_is_about_is_none(string files)
    {
        var state = """{"length":1,"sha256":"x"}""";
        var record = folder.Write("bad.json", $$"""{"version":1,"registry":"c.example","files":{{files.Replace("STATE", state, StringComparison.Ordinal)}}}""");
        var run = await RunAsync("", ["restore", "-i", folder.Write("a.yaml", Before), "--record", record]);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.StartsWith("millpond: --record ", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_in_place_of_a_file_has_a_difference_too()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        using (var writer = new AnonymousPipeClientStream(PipeDirection.Out, pipe.ClientSafePipeHandle))
        {
            writer.Write(Encoding.UTF8.GetBytes(Before));
        }

        var run = await RunAsync("", ["rewrite", $"/dev/fd/{pipe.SafePipeHandle.DangerousGetHandle()}", "--diff", .. Options]);
        Assert.Contains("\n-    image: index.docker.io/library/nginx\n+    image: cache.example.com/docker-hub/library/nginx\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_that_lead_nowhere_do_not_keep_a_folder_from_being_read()
    {
        folder.Write("a.yaml", Before);
        File.CreateSymbolicLink(folder.File("broken.yaml"), folder.File("absent.yaml"));
        Assert.Equal(new VerbRun(1, "", ""), await RunAsync("", ["rewrite", "--check", folder.Path, .. Options]));
    }

    private static async Task<VerbRun> RunAsync(string input, string[] arguments)
    {
        using var output = new MemoryStream();
        await using var messages = new StringWriter();
        var streams = new Streams { Input = () => new MemoryStream(Encoding.UTF8.GetBytes(input)), Output = () => new KeptStream(output), Messages = messages };
        var root = new RootCommand { RewriteCommand.Create(streams), RestoreCommand.Create(streams) };
        var exit = await root.Parse([.. arguments, "-q"]).InvokeAsync();
        return new VerbRun(exit, Encoding.UTF8.GetString(output.ToArray()), messages.ToString());
    }
}
