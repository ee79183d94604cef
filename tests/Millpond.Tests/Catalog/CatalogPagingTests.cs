using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;
using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

public sealed class CatalogPagingTests
{
    [Fact]
    public async Task Names_are_ordered_by_their_bytes()
    {
        await using var catalog = new TemporaryCatalog();
        string[] names = ["ab", "a/b", "a_b", "a.b", "a-b", "a0", "a", "a__b", "a/b/c", "a/b-c"];
        foreach (var name in names)
        {
            await catalog.Database.LinkAsync(Repository(name), null, DigestOf("x"));
        }

        Assert.Equal(
            ["a", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "a__b", "a_b", "ab"],
            catalog.Database.ListRepositories(null, 100).Select(name => name.ToString()));
    }

    [Fact]
    public async Task A_page_begins_after_a_name_that_need_not_exist()
    {
        await using var catalog = new TemporaryCatalog();
        foreach (var tag in new[] { "1.0", "1.10", "1.9", "V1", "latest", "v1", "_x" })
        {
            await catalog.PutImageAsync("quay/a", tag, "one");
        }

        Assert.Equal(["V1", "_x"], catalog.Database.ListTags(Repository("quay/a"), "1.95", 2));
        Assert.Equal(["latest", "v1"], catalog.Database.ListTags(Repository("quay/a"), "_x", 10));
        Assert.Empty(catalog.Database.ListTags(Repository("quay/a"), "v1", 10));
        Assert.Empty(catalog.Database.ListTags(Repository("quay/a"), null, 0));
    }

    [Fact]
    public async Task Pages_put_together_are_the_whole_in_order()
    {
        await using var catalog = new TemporaryCatalog();
        var database = catalog.Database;
        var (row, document) = Image("one");
        var tag = Gen.Elements("aZ09_-.".ToCharArray()).NonEmptyListOf().Select(chars => string.Concat(chars))
            .Where(text => Tag.IsValid(text));
        var cases = from tags in tag.ListOf()
                    from page in Gen.Choose(1, 5)
                    select (Tags: tags.ToArray(), Page: page);
        var repositories = new SortedSet<string>(StringComparer.Ordinal);
        Prop.ForAll(cases.ToArbitrary(), input =>
        {
            // A repository of its own for each case; the catalog is shared, because making one takes longer than all the rest.
            var repository = Repository($"quay/r{repositories.Count}");
            repositories.Add(repository.ToString());
            Task.WhenAll(input.Tags.Select(text =>
                database.PutManifestAsync(repository, "quay", row, document, text, TagOrigin.Pulled, catalog.Now))
                .Append(database.LinkAsync(repository, "quay", row.Digest))).GetAwaiter().GetResult();

            Assert.Equal(
                input.Tags.Distinct().Order(StringComparer.Ordinal),
                Whole(after => database.ListTags(repository, after, input.Page)));
            Assert.Equal(
                repositories,
                Whole(after => [.. database.ListRepositories(after, input.Page).Select(name => name.ToString())]));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public async Task Blobs_are_listed_over_many_pages()
    {
        await using var catalog = new TemporaryCatalog();
        const int Count = 2500;
        await Task.WhenAll(Enumerable.Range(0, Count).Select(i =>
            catalog.Database.PutBlobAsync(DigestOf($"blob {i}"), i, null, null, catalog.Now)));

        var listed = catalog.Database.ListBlobs();

        Assert.Equal(Count, listed.Count);
        Assert.Equal(Enumerable.Range(0, Count).Select(i => DigestOf($"blob {i}")).ToHashSet(), listed.Select(row => row.Digest).ToHashSet());
        Assert.Equal(catalog.Database.TotalBlobBytes(), listed.Sum(row => row.Size));
    }

    private static List<string> Whole(Func<string?, IReadOnlyList<string>> page)
    {
        var whole = new List<string>();
        for (string? after = null; page(after) is { Count: > 0 } next; after = next[^1])
        {
            whole.AddRange(next);
        }

        return whole;
    }
}
