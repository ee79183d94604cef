using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Collection;

/// <summary>How far work has come that goes on over restarts.</summary>
public sealed class CursorTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal CursorTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    public ValueTask<string?> FindAsync(string name) =>
        reads.ReadAsync(connection => connection.FindAsync("SELECT value FROM cursors WHERE name = @k0", row => row.GetString(0), name));

    public Task PutAsync(string name, string value) => writer.WriteAsync(connection => connection.Run(
        "INSERT INTO cursors (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value", new { name, value }));
}
