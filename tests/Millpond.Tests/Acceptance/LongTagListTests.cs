using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Acceptance;

/// <summary>Tag lists as long as they are kept, and a little longer.</summary>
[Trait("Category", "Heavy")]
public sealed class LongTagListTests
{
    [Fact]
    public async Task Sixty_pages_at_once_of_160_000_tags_cost_sixty_pages_and_all_tags_are_there()
    {
        const int Tags = 160_000;
        await using var registry = await StartAsync(Tags);
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Url)]);
        Assert.Equal(Tags, await CountAsync(host, expectedCut: null));

        var before = GC.GetTotalAllocatedBytes(precise: true);
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async _ =>
        {
            using var page = await host.Client.GetAsync(new Uri(host.Address, "/v2/up/team/app/tags/list?n=1"), TestContext.Current.CancellationToken);
            Assert.Contains("v0000000", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 60 * 512 * 1024);
    }

    [Fact]
    public async Task Sixty_pages_at_once_of_100_000_repositories_and_of_10_000_referrers_cost_sixty_pages()
    {
        var subject = Digest.Sha256("subject"u8);
        await using var registry = await TestServer.StartAsync(context =>
        {
            var page = int.Parse(context.Request.Query["page"].FirstOrDefault() ?? "0", System.Globalization.CultureInfo.InvariantCulture);
            context.Response.Headers.Link = page < 9 ? $"<{context.Request.Path}?page={page + 1}>; rel=\"next\"" : null;
            var manifests = Enumerable.Range(page * 1000, 1000)
                .Select(i => $$"""{"mediaType":"m","digest":"{{Digest.Sha256(Encoding.UTF8.GetBytes($"{i}"))}}","size":1,"artifactType":"a/b"}""");
            return context.Response.WriteAsync($$"""{"schemaVersion":2,"manifests":[{{string.Join(',', manifests)}}]}""");
        });
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Url)]);
        using (var connection = new SqliteConnection($"Data Source={host.DataFolder}/catalog/catalog.db;Pooling=False"))
        {
            connection.Open();
            using var fill = connection.CreateCommand();
            fill.CommandText =
                """
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
                INSERT INTO repositories (name, origin, rule) SELECT printf('up/team/app%06d', i), @origin, 'up' FROM n
                """;
            fill.Parameters.AddWithValue("@origin", Origin.Of(registry.Url, null, null).Id);
            fill.ExecuteNonQuery();
        }

        foreach (var (path, sign, most) in new[] { ("/v2/_catalog?n=1", "up/team/app000000", 512), ($"/v2/up/team/app/referrers/{subject}", "sha256:", 4096) })
        {
            using (var first = await host.Client.GetAsync(new Uri(host.Address, path), TestContext.Current.CancellationToken))
            {
                Assert.Contains(sign, await first.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            }

            var before = GC.GetTotalAllocatedBytes(precise: true);
            await Task.WhenAll(Enumerable.Range(0, 60).Select(async _ =>
            {
                using var page = await host.Client.GetAsync(new Uri(host.Address, path), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
                await page.Content.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
            }));
            Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 60L * most * 1024);
        }
    }

    [Fact]
    public async Task A_million_tags_are_kept_and_what_is_cut_says_so()
    {
        await using var registry = await StartAsync(1_020_000);
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", registry.Url)]);
        Assert.Equal(1_000_000, await CountAsync(host, expectedCut: "1000000"));
        await host.Log.WhenLineAsync("the list is cut there");
    }

    /// <summary>Pages of 20,000 tags, whatever was asked for.</summary>
    private static Task<TestServer> StartAsync(int tags) => TestServer.StartAsync(context =>
    {
        const int PageSize = 20_000;
        var last = context.Request.Query["last"].FirstOrDefault();
        var from = last is null ? 0 : int.Parse(last[1..], System.Globalization.CultureInfo.InvariantCulture) + 1;
        var count = Math.Min(PageSize, tags - from);
        if (from + count < tags)
        {
            context.Response.Headers.Link = $"</v2/team/app/tags/list?last=v{from + count - 1:0000000}&n={PageSize}>; rel=\"next\"";
        }

        return context.Response.WriteAsync($$"""{"tags":["{{string.Join("\",\"", Enumerable.Range(from, count).Select(i => $"v{i:0000000}"))}}"]}""");
    });

    /// <summary>Follows every page; the first may have to be asked for again while the list is on its way.</summary>
    private static async Task<int> CountAsync(MillpondHost host, string? expectedCut)
    {
        var seen = 0;
        var previous = "";
        for (var next = "/v2/up/team/app/tags/list"; next is not null;)
        {
            using var page = await host.Client.GetAsync(new Uri(host.Address, next), TestContext.Current.CancellationToken);
            if (seen == 0 && page.StatusCode == System.Net.HttpStatusCode.GatewayTimeout)
            {
                continue;
            }

            Assert.True(page.IsSuccessStatusCode);
            Assert.Equal(expectedCut, page.Headers.TryGetValues("Millpond-List-Cut", out var cut) ? cut.Single() : null);
            using var json = JsonDocument.Parse(await page.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
            foreach (var tag in json.RootElement.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!))
            {
                Assert.True(string.CompareOrdinal(previous, tag) < 0, $"{tag} after {previous}");
                (previous, seen) = (tag, seen + 1);
            }

            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        return seen;
    }
}
