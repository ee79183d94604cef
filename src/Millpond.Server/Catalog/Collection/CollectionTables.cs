using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Collection;

/// <summary>What collection, pins and the scrub read and write.</summary>
public sealed class CollectionTables
{
    internal CollectionTables(ReadPool reads, CatalogWriter writer, Action<long> recorded)
    {
        Garbage = new(reads, writer, recorded);
        Pins = new(reads, writer);
        Cursors = new(reads, writer);
    }

    /// <summary>What is of no use any more.</summary>
    public GarbageTable Garbage { get; }

    /// <summary>What is kept from eviction.</summary>
    public PinTable Pins { get; }

    /// <summary>How far work has come that goes on over restarts.</summary>
    public CursorTable Cursors { get; }
}
