using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog;

/// <summary>Indexes and images whose rest is still to be fetched, also after a restart.</summary>
public sealed class IncompleteTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal IncompleteTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    public ValueTask<IReadOnlyList<(RepositoryName Repository, Digest Index)>> ListAsync() => reads.ReadAsync(connection => connection.ListAsync(
        static row => (RepositoryName.Parse(row.GetString(0)), Digest.Parse(row.GetString(1))),
        "SELECT repository, digest FROM incomplete ORDER BY repository, digest"));

    /// <summary>The rest of an image or index is to be fetched.</summary>
    public Task PutAsync(OriginRepository at, Digest manifest) => writer.WriteAsync(connection =>
    {
        writer.Repositories.Put(connection, at);
        CatalogWrites.PutIncomplete(connection, at.Name, manifest);
    });

    /// <summary>Nothing of the image or index is to be fetched any more.</summary>
    public Task RemoveAsync(RepositoryName repository, Digest index) =>
        writer.WriteAsync(connection => CatalogWrites.RemoveIncomplete(connection, repository, index));
}
