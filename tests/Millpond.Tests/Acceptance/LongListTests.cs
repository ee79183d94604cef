using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>Hundreds of MB through the program as it is shipped: what <c>kubectl get -A</c> says of a large cluster.</summary>
[Trait("Category", "Heavy")]
public sealed class LongListTests
{
    private const long Megabyte = 1024 * 1024;
    private const long Length = 220 * Megabyte;
    private const long MostMemory = 140 * Megabyte;
    private const string Upstream = "quay.io/team/";
    private const string Cached = "cache.example.com/quay/team/";

    [Theory]
    [InlineData("-o yaml")]
    [InlineData("-o json")]
    [InlineData("-o json | jq -c")]
    [InlineData("-o json | jq -c .items[]")]
    [InlineData("-o yaml, --- between")]
    public async Task A_filter_passes_a_long_list_in_little_memory(string how)
    {
        using var millpond = Start("rewrite", "-", "-q", "--registry", "cache.example.com", "--tiers", "all");
        var output = SHA256.HashDataAsync(millpond.StandardOutput.BaseStream, TestContext.Current.CancellationToken).AsTask();
        using var expected = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        foreach (var text in List(how))
        {
            await millpond.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(text), TestContext.Current.CancellationToken);
            expected.AppendData(Encoding.UTF8.GetBytes(text.Replace(Upstream, Cached, StringComparison.Ordinal)));
        }

        // All but what a pipe holds has been read, and the program waits for more.
        var peak = MillpondProcess.PeakMemoryOf(millpond.Id);
        millpond.StandardInput.Close();
        Assert.Equal(Convert.ToHexString(expected.GetHashAndReset()), Convert.ToHexString(await output));
        Assert.Equal("", await millpond.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.InRange(peak, 1, MostMemory);
    }

    [Theory]
    [InlineData("-o yaml", "x.yaml")]
    [InlineData("-o json | jq -c", "x.json")]
    public async Task In_place_with_a_record_and_back_takes_little_more(string how, string name)
    {
        using var folder = new TemporaryFolder();
        var file = folder.File(name);
        await using (var content = File.Create(file))
        {
            foreach (var text in List(how))
            {
                content.Write(Encoding.UTF8.GetBytes(text));
            }
        }

        var before = await HashAsync(file);
        string[] options = [file, "--in-place", "--registry", "cache.example.com", "--record", folder.File("record.json"), "-q"];

        Assert.InRange(await RunAsync("rewrite", [.. options, "--tiers", "all"]), 1, MostMemory + (60 * Megabyte));
        Assert.NotEqual(before, await HashAsync(file));
        Assert.InRange(await RunAsync("coverage", file, "--registry", "cache.example.com", "--tiers", "all"), 1, MostMemory + (60 * Megabyte));
        Assert.InRange(await RunAsync("restore", options), 1, MostMemory + (60 * Megabyte));
        Assert.Equal(before, await HashAsync(file));
    }

    private static Process Start(params string[] arguments)
    {
        var start = MillpondProcess.Program();
        start.RedirectStandardInput = true;
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs to the end; gives the most memory that was seen on the way.</summary>
    private static async Task<long> RunAsync(string verb, params string[] arguments)
    {
        using var millpond = Start([verb, .. arguments]);
        millpond.StandardInput.Close();
        var output = millpond.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = millpond.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var peak = 0L;
        var ended = millpond.WaitForExitAsync(TestContext.Current.CancellationToken);
        while (await Task.WhenAny(ended, Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken)) != ended)
        {
            peak = Math.Max(peak, TryPeak(millpond.Id));
        }

        await output;
        Assert.Equal("", await errors);
        Assert.Equal(0, millpond.ExitCode);
        return peak;
    }

    // A process that is about to end says nothing of its memory any more.
    private static long TryPeak(int process)
    {
        try
        {
            return MillpondProcess.PeakMemoryOf(process);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            return 0;
        }
    }

    private static async Task<string> HashAsync(string file)
    {
        await using var content = File.OpenRead(file);
        return Convert.ToHexString(await SHA256.HashDataAsync(content, TestContext.Current.CancellationToken));
    }

    private static IEnumerable<string> List(string how)
    {
        var (start, item, between, end) = how switch
        {
            "-o yaml" => ("apiVersion: v1\nitems:\n", Yaml("- ", "  "), "", "kind: List\nmetadata:\n  resourceVersion: \"\"\n"),
            "-o yaml, --- between" => ("", Yaml("", ""), "---\n", ""),
            "-o json" => ("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n", Json, ",\n", "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {}\n}\n"),
            "-o json | jq -c" => ("{\"apiVersion\":\"v1\",\"items\":[", Compact(Json), ",", "],\"kind\":\"List\"}\n"),
            _ => ("", Compact(Json), "\n", "\n"),
        };
        yield return start;
        var length = 0L;
        for (var i = 0; length < Length; i++)
        {
            // As many images as a large cluster has.
            var text = item
                .Replace("@N", i.ToString("00000", CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("@M", (i % 700).ToString("000", CultureInfo.InvariantCulture), StringComparison.Ordinal);
            length += text.Length;
            yield return i == 0 ? text : between + text;
        }

        yield return end;
    }

    private static string Compact(string json) => json.Replace("\n", "", StringComparison.Ordinal).Replace("  ", "", StringComparison.Ordinal);

    private static string Yaml(string first, string others) =>
        $"""
        {first}apiVersion: v1
        {others}kind: Pod
        {others}metadata:
        {others}  annotations:
        {others}    note: "{new string('n', 4000)}"
        {others}  name: pod-@N
        {others}spec:
        {others}  containers:
        {others}  - args: [--level=debug, "- a: b"]
        {others}    image: quay.io/team/app@M:1
        {others}    name: app

        """;

    private static string Json => $$"""
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": { "annotations": { "note": "{{new string('n', 4000)}}" }, "name": "pod-@N" },
                    "spec": {
                        "containers": [ { "args": [ "]", "\"}" ], "image": "quay.io/team/app@M:1", "name": "app" } ]
                    }
                }
        """;
}
