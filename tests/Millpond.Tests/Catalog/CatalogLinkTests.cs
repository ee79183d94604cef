using System.Text;
using Millpond.Images;
using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

/// <summary>What a manifest may vouch for, and what it says of others' sizes.</summary>
public sealed class CatalogLinkTests
{
    private static readonly RepositoryName Name = Repository("quay/a");

    private static readonly string Secret = $$"""{"mediaType":"MEDIATYPE","digest":"{{DigestOf("secret")}}","size":6URLS}""";

    [Theory]
    [InlineData("application/vnd.oci.image.layer.v1.tar+gzip", "")]
    [InlineData("application/vnd.oci.image.layer.v1.tar+gzip", ",\"urls\":[\"https://a.example/b\"]")]
    [InlineData("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "")]
    public async Task No_layer_is_linked_by_being_named(string mediaType, string urls)
    {
        await using var catalog = new TemporaryCatalog();
        var layer = Secret.Replace("MEDIATYPE", mediaType, StringComparison.Ordinal).Replace("URLS", urls, StringComparison.Ordinal);

        await PutAsync(catalog, ManifestDocument.OciManifest, $$"""{"layers":[{{layer}}]}""");

        Assert.False(catalog.Database.IsLinked(Name, DigestOf("secret")));
        Assert.Equal(6, catalog.Database.FindDescribedSize(Name, DigestOf("secret")));
    }

    [Theory]
    [InlineData(ManifestDocument.OciManifest, "subject")]
    [InlineData("application/vnd.example.future.v9+json", "layers")]
    public async Task What_registries_do_not_check_is_not_linked(string mediaType, string field)
    {
        await using var catalog = new TemporaryCatalog();
        var child = Secret.Replace("MEDIATYPE", "application/octet-stream", StringComparison.Ordinal).Replace("URLS", "", StringComparison.Ordinal);
        var value = field == "subject" ? child : $"[{child}]";

        await PutAsync(catalog, mediaType, $$"""{"{{field}}":{{value}}}""");

        Assert.False(catalog.Database.IsLinked(Name, DigestOf("secret")));
        Assert.Empty(ManifestDocument.TryParse(Encoding.UTF8.GetBytes($$"""{"{{field}}":{{value}}}"""), mediaType)!.LinkedChildren);
    }

    [Fact]
    public async Task A_size_in_a_repository_comes_from_its_own_manifests()
    {
        await using var catalog = new TemporaryCatalog();
        var layer = Secret.Replace("MEDIATYPE", "a", StringComparison.Ordinal).Replace("URLS", "", StringComparison.Ordinal);
        await PutAsync(catalog, ManifestDocument.OciManifest, $$"""{"layers":[{{layer}}]}""");

        Assert.Equal(6, catalog.Database.FindDescribedSize(Name, DigestOf("secret")));
        Assert.Null(catalog.Database.FindDescribedSize(Repository("quay/b"), DigestOf("secret")));
    }

    [Fact]
    public async Task Referrers_are_those_linked_in_the_repository()
    {
        await using var catalog = new TemporaryCatalog();
        var subject = Secret.Replace("MEDIATYPE", ManifestDocument.OciManifest, StringComparison.Ordinal).Replace("URLS", "", StringComparison.Ordinal);
        var first = await PutAsync(catalog, ManifestDocument.OciManifest, $$"""{"n":1,"subject":{{subject}}}""");
        var second = await PutAsync(catalog, ManifestDocument.OciIndex, $$"""{"n":2,"subject":{{subject}}}""");
        await PutAsync(catalog, ManifestDocument.OciManifest, """{"n":3}""");
        await catalog.Database.LinkAsync(Repository("quay/b"), "quay", second);

        var here = catalog.Database.ListReferrers(Name, DigestOf("secret"));
        var there = catalog.Database.ListReferrers(Repository("quay/b"), DigestOf("secret"));

        Assert.Equal(new[] { first, second }.Select(digest => digest.ToString()).Order(StringComparer.Ordinal), here.Select(row => row.Digest.ToString()));
        Assert.Equal(second, Assert.Single(there).Digest);
        Assert.Equal(ManifestDocument.OciIndex, there[0].MediaType);
        Assert.Empty(catalog.Database.ListReferrers(Name, DigestOf("another")));
    }

    [Fact]
    public async Task A_link_alone_makes_its_repository()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.LinkAsync(Name, "quay", DigestOf("blob"));

        Assert.True(catalog.Database.IsLinked(Name, DigestOf("blob")));
        Assert.Equal([Name], catalog.Database.ListRepositories(null, 10));
    }

    private static async Task<Digest> PutAsync(TemporaryCatalog catalog, string mediaType, string json)
    {
        var content = Encoding.UTF8.GetBytes(json);
        var row = new ManifestRow(Digest.Sha256(content), mediaType, content);
        await catalog.Database.PutManifestAsync(Name, "quay", row, ManifestDocument.TryParse(content, mediaType), null, TagOrigin.Pulled, catalog.Now);
        return row.Digest;
    }
}
