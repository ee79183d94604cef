using System.Collections.Concurrent;
using System.Globalization;
using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Collects the lines of the matrix and writes them as one table when all rows have run.</summary>
public sealed class FaultTable : IDisposable
{
    private const string Heading = "| fault | clients | pull | answer | connection | upstream requests | upstream bytes | kept | next pull works after | with upstream bytes |\n|---|---|---|---|---|---|---|---|---|---|";
    private readonly ConcurrentBag<(int Order, string Line)> lines = [];

    public void Add(int order, string line) => lines.Add((order, line));

    public void Dispose()
    {
        var folder = Directory.CreateDirectory(Path.Join(SourceTree.Top, "artifacts/test-results"));
        var waiting = FaultRows.Waiting.Select(row => $"- {row.Row}: waits, {row.Reason}");
        var sorted = lines.OrderBy(line => line.Order).ThenBy(line => line.Line, StringComparer.Ordinal).Select(line => line.Line);
        var isMany = lines.Any(line => line.Line.Contains("| 50 |", StringComparison.Ordinal));
        File.WriteAllLines(Path.Join(folder.FullName, isMany ? "fault-matrix-many.md" : "fault-matrix.md"), [Heading, .. sorted, "", .. waiting]);
    }
}

/// <summary>Every fault of the upstream, towards one, two and fifty clients, cold and warm: one table, written to the test's output.</summary>
public sealed class FaultMatrixTests(FaultTable table, ITestOutputHelper output) : IClassFixture<FaultTable>
{
    /// <summary>What was said of an upstream (429, absence, an open breaker) is forgotten by then.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(61);

    public static IEnumerable<TheoryDataRow<string, int, bool>> Cases() =>
        from row in FaultRows.All
        from clients in new[] { 1, 2, 50 }
        from warm in new[] { false, true }
        where warm ? row.Warm is not null : !row.WarmOnly
        select clients > 2 || warm && clients > 1
            ? new TheoryDataRow<string, int, bool>(row.ToString(), clients, warm).WithTrait("Category", "Heavy")
            : new TheoryDataRow<string, int, bool>(row.ToString(), clients, warm);

    [Fact]
    public void Every_fault_has_a_row() => Assert.Equal(Enum.GetValues<UpstreamFault>(), FaultRows.All.Select(row => row.Fault).Distinct().Order());

    [Fact]
    public void What_waits_says_for_what() => Assert.All(FaultRows.Waiting, row => Assert.NotEmpty(row.Reason));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Every_fault_ends_as_it_should(string fault, int clients, bool warm)
    {
        var row = FaultRows.All.Single(row => row.ToString() == fault);
        await using var run = await MatrixRun.StartAsync(row, warm);
        var answers = await run.PullAsync(clients, warm);
        var (requests, bytes) = run.Cost();
        var kept = await run.WhatIsKeptAsync();
        var (recovery, again) = await run.NextPullAsync(warm);

        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"| {row} | {clients} | {(warm ? "warm" : "cold")} | {Summary(answers)} | {Connection(answers)} | {requests} | {bytes:0.00} | {kept} | {recovery.TotalSeconds:0.#} s | {again:0.00} |");
        output.WriteLine(line);
        table.Add(FaultRows.All.IndexOf(row), line);
        if (warm)
        {
            CheckWarm(row, answers, kept);
        }
        else
        {
            CheckCold(row, answers, requests, bytes, kept);
        }

        Assert.InRange(recovery, TimeSpan.Zero, Recovery);
        Assert.InRange(again, 0, kept switch { Kept.Whole => 0, Kept.Partial => 0.6, _ => 1 });
    }

    private static void CheckCold(FaultRow row, ClientAnswer[] answers, int requests, double bytes, Kept kept)
    {
        var isSingle = answers.Length == 1;
        Assert.All(answers, answer =>
        {
            Assert.Contains(answer.Status, isSingle ? row.Status[..1] : row.Status);
            Assert.Equal(row.IsBroken, answer.IsBroken);
            Assert.Equal(answer.Status == 200 && !row.IsBroken, answer.IsWhole);
            if (answer.Status != 200)
            {
                Assert.Contains("\"errors\"", answer.Error, StringComparison.Ordinal);
            }
        });
        if (isSingle)
        {
            Assert.Contains(row.Reason, answers[0].Error, StringComparison.Ordinal);
            Assert.InRange(requests, row.FewestRequests ?? row.Requests, row.Requests);
            Assert.Equal(row.RetryAfter, row.RetryAfter is null ? null : answers[0].RetryAfter);
        }

        Assert.InRange(requests, 0, isSingle ? row.Requests : row.RequestsOfMany ?? row.Requests);
        Assert.InRange(bytes, 0, row.Bytes + 0.001);
        Assert.Equal(row.Kept, kept);
    }

    private static void CheckWarm(FaultRow row, ClientAnswer[] answers, Kept kept)
    {
        // A check is one for all: who comes after it finds the tag fresh, or the check backing off; a throttled upstream is checked less often.
        string[] allowed = row.Warm switch
        {
            "stale" when row.RetryAfter is not null => ["stale", "hit"],
            "stale" => ["stale"],
            "miss" => ["miss", "hit"],
            _ => ["revalidated", "hit"],
        };
        Assert.All(answers, answer =>
        {
            Assert.Equal(200, answer.Status);
            Assert.True(answer.IsWhole, answer.ToString());
            Assert.Contains(answer.Cache, answers.Length == 1 ? allowed[..1] : allowed);
            Assert.Equal(answer.Cache == "stale", answer.HasWarning);
        });
        Assert.Equal(Kept.Whole, kept);
    }

    private static string Summary(ClientAnswer[] answers) =>
        string.Join(", ", answers.CountBy(answer => $"{answer.Status}{(answer.Cache is null ? "" : " " + answer.Cache)}").Select(pair => answers.Length == 1 ? pair.Key : $"{pair.Value} × {pair.Key}"));

    private static string Connection(ClientAnswer[] answers) => answers.Any(answer => answer.IsBroken) ? "reset" : "kept";
}
