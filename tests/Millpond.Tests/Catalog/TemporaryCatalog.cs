using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Tests.Catalog;

/// <summary>A catalog in a folder of its own, over a clock that stands still.</summary>
internal sealed class TemporaryCatalog : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("millpond-catalog-");

    public TemporaryCatalog(Dialect? dialect = null) => Database = Open(dialect);

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 5, 6, 7, 8, 9, 123, TimeSpan.Zero));

    public CatalogDatabase Database { get; private set; }

    public string Folder => folder.FullName;

    public DateTimeOffset Now => Time.GetUtcNow();

    public static RepositoryName Repository(string name = "quay/prometheus/prometheus") => RepositoryName.Parse(name);

    public static Digest DigestOf(string content) => Digest.Sha256(Encoding.UTF8.GetBytes(content));

    /// <summary>A manifest with these children, described with their names' lengths.</summary>
    public static (ManifestRow Row, ManifestDocument Document) Image(string name, params string[] children)
    {
        var content = Encoding.UTF8.GetBytes($$"""
            {"schemaVersion":2,"mediaType":"{{ManifestDocument.OciManifest}}","annotations":{"name":"{{name}}"},
             "layers":[{{string.Join(',', children.Select(child => $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{{DigestOf(child)}}","size":{{child.Length}}}"""))}}]}
            """);
        return (new(Digest.Sha256(content), ManifestDocument.OciManifest, content), ManifestDocument.TryParse(content, ManifestDocument.OciManifest)!);
    }

    public async Task<Digest> PutImageAsync(string repository, string? tag, string name, params string[] children)
    {
        var (row, document) = Image(name, children);
        await Database.PutManifestAsync(Repository(repository), "quay", row, document, tag, TagOrigin.Pulled, Now);
        return row.Digest;
    }

    public async Task ReopenAsync()
    {
        await Database.DisposeAsync();
        Database = Open(null);
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private CatalogDatabase Open(Dialect? dialect) =>
        CatalogDatabase.Open(Folder, dialect ?? Dialect.Sqlite, Time, NullLogger<CatalogDatabase>.Instance);
}
