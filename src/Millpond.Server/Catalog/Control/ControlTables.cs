using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Control;

/// <summary>What the control plane keeps: who may what, secrets, rules and templates made through the API, settings. Every write is durable.</summary>
public sealed class ControlTables
{
    internal ControlTables(ReadPool reads, CatalogWriter writer)
    {
        Access = new(reads, writer);
        Secrets = new(reads, writer);
        Settings = new(reads, writer);
        Sealed = new(reads, writer);
        Images = new(reads);
        Uses = new(reads);
        Traffic = new(reads, writer);
    }

    /// <summary>Principals, their keys and policies, robots.</summary>
    public AccessTable Access { get; }

    /// <summary>Secrets with their versions and stages.</summary>
    public SecretTable Secrets { get; }

    /// <summary>Texts by what they are for and whose they are.</summary>
    public SettingTable Settings { get; }

    /// <summary>What repositories hold, as it is described.</summary>
    public ImageTable Images { get; }

    /// <summary>What of the stored bytes belongs to whom.</summary>
    public UseTable Uses { get; }

    /// <summary>What was counted, by day.</summary>
    public TrafficTable Traffic { get; }

    /// <summary>All that is sealed, for a change of the key.</summary>
    public SealedTable Sealed { get; }
}
