using System.Globalization;
using System.Text.RegularExpressions;
using Millpond.Tests.Clients;
using Millpond.Tests.Conformance;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// What a loss of power would leave of a push, read from the program's system calls: before it says 201, the bytes, their name and the catalog
/// have been handed to the disk. A kill alone shows nothing of that: the kernel keeps what was written.
/// </summary>
[Trait("Category", "Heavy")]
public sealed partial class DurablePushTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("PostThenPut")]
    [InlineData("SinglePost")]
    [InlineData("ManyChunks")]
    [InlineData("Streamed")]
    public async Task A_blob_is_on_the_disk_before_it_is_acknowledged(string pushWay)
    {
        var way = Enum.Parse<PushWay>(pushWay);
        var blob = TestBlob.Generated(12 + (int)way, 200_000);
        var calls = await TraceAsync(registry => registry.PushAsync("own/app", way, blob.ToArray(), blob.Digest));
        var acknowledged = calls.FindLastIndex(call => call.Text.Contains("HTTP/1.1 201", StringComparison.Ordinal));
        Assert.True(acknowledged > 0, Show(calls));
        var named = calls.FindIndex(call => call.Name.StartsWith("rename", StringComparison.Ordinal) && call.Text.Contains(blob.Digest.Hex, StringComparison.Ordinal));
        Assert.True(named >= 0 && named < acknowledged, Show(calls));
        var names = QuotedName().Matches(calls[named].Text).Select(match => match.Groups[1].Value).ToList();
        Assert.Contains(calls[..named], call => IsSync(call) && call.Text.Contains($"<{names[0]}>", StringComparison.Ordinal));
        Assert.Contains(calls[named..acknowledged], call => IsSync(call) && call.Text.Contains($"<{Path.GetDirectoryName(names[1])}>", StringComparison.Ordinal));
        Assert.Contains(calls[..acknowledged], IsCatalogSync);
    }

    [Fact]
    public async Task A_manifest_and_its_deletion_are_on_the_disk_before_they_are_acknowledged()
    {
        var image = TestImages.WithLayers(TestBlob.Of("a layer"));
        var calls = await TraceAsync(async registry =>
        {
            foreach (var blob in image.Blobs)
            {
                await registry.PushAsync("own/app", blob.ToArray(), blob.Digest);
            }

            (await registry.PutManifestAsync("own/app", "1", image.Manifest.MediaType, image.Manifest.Content)).Expect(201);
            return (await registry.DeleteAsync($"/v2/own/app/manifests/{image.Digest}")).Expect(202);
        });
        List<int> answers = [.. calls.Select((call, at) => (call, at)).Where(pair => Acknowledgement().IsMatch(pair.call.Text)).Select(pair => pair.at)];
        Assert.True(answers.Count >= 3, Show(calls));
        foreach (var (before, answer) in answers.Zip(answers.Skip(1)).TakeLast(2))
        {
            Assert.True(calls[before..answer].Any(IsCatalogSync), Show(calls));
        }
    }

    /// <summary>The system calls that matter, in the order in which they ended.</summary>
    private async Task<List<Call>> TraceAsync(Func<RegistryUnderTest, Task<Answer>> work)
    {
        var strace = RequireClient.OrSkip("strace");
        await using var millpond = await MillpondProcess.StartAsync(folder.File("data"), []);
        using var http = new HttpClient { Timeout = Patience.Limit };
        var registry = new RegistryUnderTest(http, millpond.Address);
        (await registry.GetAsync("/v2/")).Expect(200);
        string[] arguments =
        [
            "-f", "-y", "-s", "400", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev", "-o", folder.File("calls"),
            "-p", millpond.Id.ToString(CultureInfo.InvariantCulture),
        ];
        var (tracer, _) = await ServerProgram.StartAsync(strace, arguments, "attached");
        await using (tracer)
        {
            Assert.InRange((await work(registry)).Status, 201, 202);
        }

        return Read(File.ReadLines(folder.File("calls")));
    }

    private static List<Call> Read(IEnumerable<string> lines)
    {
        List<Call> calls = [];
        Dictionary<string, string> begun = [];
        foreach (var line in lines)
        {
            var (thread, text) = (line.Split(' ')[0], line[line.IndexOf(' ', StringComparison.Ordinal)..].TrimStart());
            if (text.EndsWith("<unfinished ...>", StringComparison.Ordinal))
            {
                begun[thread] = text;
            }
            else if (Resumed().Match(text) is { Success: true } resumed && begun.Remove(thread, out var start))
            {
                calls.Add(new Call(resumed.Groups[1].Value, start + text));
            }
            else if (text.IndexOf('(', StringComparison.Ordinal) is > 0 and var bracket)
            {
                calls.Add(new Call(text[..bracket], text));
            }
        }

        return calls;
    }

    private static bool IsSync(Call call) => call.Name is "fsync" or "fdatasync";

    private static bool IsCatalogSync(Call call) => IsSync(call) && call.Text.Contains("catalog.db", StringComparison.Ordinal);

    private static string Show(IEnumerable<Call> calls) => string.Join('\n', calls.Select(call => call.Text[..Math.Min(call.Text.Length, 200)]));

    [GeneratedRegex("^<\\.\\.\\. ([a-z0-9]+) resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex("\"([^\"]+)\"")]
    private static partial Regex QuotedName();

    [GeneratedRegex(@"HTTP/1\.1 20[12]")]
    private static partial Regex Acknowledgement();

    private sealed record Call(string Name, string Text);
}
