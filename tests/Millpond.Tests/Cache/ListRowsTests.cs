using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Catalog;
using Millpond.Server.Upstream;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Cache;

/// <summary>Long lists of upstreams: rows in the catalog that come and go by pages.</summary>
public sealed class ListRowsTests
{
    private static readonly Digest Subject = Digest.Sha256("subject"u8);

    [Fact]
    public async Task A_page_of_a_long_list_costs_a_page()
    {
        await using var catalog = new TemporaryCatalog();
        var at = CatalogReads.At(TemporaryCatalog.Repository());
        using var list = catalog.Database.Lists.Begin(at, "tags");
        for (var page = 0; page < 20; page++)
        {
            await list.AddAsync([.. Enumerable.Range(page * 1000, 1000).Select(i => new ListEntry($"v{i:000000}"))]);
        }

        var row = await list.PutAsync(isCut: false, catalog.Now);
        Assert.Equal(20_000, row.Count);
        await catalog.Database.Lists.PageAsync(row.Entries, "v010000", null, 2);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tags = CatalogReads.Now(catalog.Database.Lists.PageAsync(row.Entries, "v010000", null, 2));
        Assert.Equal(["v010001", "v010002"], tags.Select(tag => tag.Name));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 32 * 1024);
    }

    [Fact]
    public async Task A_list_that_is_replaced_or_never_ends_leaves_no_rows()
    {
        await using var catalog = new TemporaryCatalog();
        var at = CatalogReads.At(TemporaryCatalog.Repository());
        for (var round = 0; round < 2; round++)
        {
            using var list = catalog.Database.Lists.Begin(at, "tags");
            await list.AddAsync([.. Enumerable.Range(0, 6000).Select(i => new ListEntry($"{round} {i}"))]);
            await list.PutAsync(isCut: false, catalog.Now);
        }

        using (var left = catalog.Database.Lists.Begin(at, "referrers:x"))
        {
            await left.AddAsync([new ListEntry("never put")]);
        }

        using var running = catalog.Database.Lists.Begin(at, "referrers:y");
        await running.AddAsync([new ListEntry("still coming")]);
        while (await catalog.Database.Lists.SweepAsync())
        {
        }

        Assert.Equal(6001, Count(catalog.Folder, "list_entries"));
        Assert.Equal(1, Count(catalog.Folder, "loose_entries"));
    }

    [Fact]
    public async Task What_is_cut_says_so_in_a_header_the_log_and_a_metric()
    {
        var pages = 0;
        await using var registry = await TestServer.StartAsync(context => AnswerReferrersAsync(context, 101, ref pages));
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Url)]);
        var listed = new List<string>();
        for (var next = $"/v2/up/team/app/referrers/{Subject}?artifactType=a/b"; next is not null;)
        {
            using var page = await host.Client.GetAsync(new Uri(host.Address, next), TestContext.Current.CancellationToken);
            Assert.Equal("10000", Assert.Single(page.Headers.GetValues("Millpond-List-Cut")));
            var manifests = JsonNode.Parse(await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["manifests"]!.AsArray();
            Assert.InRange(manifests.Count, 1, 1000);
            listed.AddRange(manifests.Select(manifest => (string)manifest!["digest"]!));
            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(5000, listed.Distinct().Count());
        Assert.Equal(listed.Order(StringComparer.Ordinal), listed);
        Assert.Equal(100, pages);
        await host.Log.WhenLineAsync("the list is cut there");
        var metrics = await host.Client.GetStringAsync(new Uri(host.Address, "/metrics"), TestContext.Current.CancellationToken);
        Assert.Matches("millpond_lists_cut_total\\{[^}]*kind=\"referrers\"[^}]*\\} 1", metrics);
    }

    [Fact]
    public async Task Names_nobody_has_leave_nothing_in_the_catalog()
    {
        await using var registry = await TestServer.StartAsync(context => context.Response.WriteAsync(
            context.Request.Path.Value!.EndsWith("tags/list", StringComparison.Ordinal) ? """{"tags":[]}""" : """{"schemaVersion":2,"manifests":[]}"""));
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Url)]);
        for (var i = 0; i < 50; i++)
        {
            foreach (var path in new[] { "tags/list", $"referrers/{Digest.Sha256(Encoding.UTF8.GetBytes($"{i}"))}" })
            {
                using var none = await host.Client.GetAsync(new Uri(host.Address, $"/v2/up/made/up{i}/{path}"), TestContext.Current.CancellationToken);
                Assert.True(none.IsSuccessStatusCode);
            }
        }

        var folder = Path.Join(host.DataFolder, "catalog");
        foreach (var table in new[] { "repositories", "lists", "list_entries", "loose_entries", "tags", "links" })
        {
            Assert.Equal((table, 0), (table, Count(folder, table)));
        }
    }

    [Fact]
    public async Task A_list_that_nobody_waited_for_any_more_goes_on_where_it_stopped()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var parts = new CacheParts(upstream, new FakeTimeProvider(DateTimeOffset.UtcNow));
        var at = parts.Known.At(parts.Target("team/app"));
        var asked = new List<string?>();
        using var leaving = new CancellationTokenSource();
        var kind = new ListKind("tags", "tags", 1000, AskAsync, _ => TimeSpan.Zero, () => new(true));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => parts.Download.RunAsync(at, kind, parts.Upstreams[parts.Target("a").Rule], leaving.Token));
        var whole = await parts.Download.RunAsync(at, kind, parts.Upstreams[parts.Target("a").Rule], CancellationToken.None);
        Assert.Equal(5, whole.Value!.Row!.Count);
        Assert.Equal([null, "1", "2", "3", "3", "4"], asked);

        async Task<UpstreamResult<ListPage>> AskAsync(Server.Governing.GovernedUpstream _, string? next, CancellationToken token)
        {
            asked.Add(next);
            if (asked.Count == 4)
            {
                await leaving.CancelAsync();
            }

            token.ThrowIfCancellationRequested();
            var number = int.Parse(next ?? "0", CultureInfo.InvariantCulture);
            return new(UpstreamOutcome.Found, new ListPage([new ListEntry($"v{number}")], number == 4 ? null : $"{number + 1}"));
        }
    }

    /// <summary>Pages of 100 referrers, every other one of type <c>a/b</c>.</summary>
    private static Task AnswerReferrersAsync(HttpContext context, int pages, ref int asked)
    {
        var page = int.Parse(context.Request.Query["page"].FirstOrDefault() ?? "1", CultureInfo.InvariantCulture);
        Interlocked.Increment(ref asked);
        context.Response.Headers.Link = page < pages ? $"<{context.Request.Path}?page={page + 1}>; rel=\"next\"" : null;
        var manifests = Enumerable.Range(0, 100).Select(i =>
            $$"""{"mediaType":"m","digest":"{{Digest.Sha256(Encoding.UTF8.GetBytes($"{page} {i}"))}}","size":1,"artifactType":"{{(i % 2 == 0 ? "a/b" : "c/d")}}"}""");
        return context.Response.WriteAsync($$"""{"schemaVersion":2,"manifests":[{{string.Join(',', manifests)}}]}""");
    }

    private static long Count(string folder, string table)
    {
        using var connection = new SqliteConnection($"Data Source={folder}/catalog.db;Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return (long)command.ExecuteScalar()!;
    }
}
