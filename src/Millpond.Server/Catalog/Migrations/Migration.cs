namespace Millpond.Server.Catalog.Migrations;

/// <summary>One step of the schema, in plain SQL: run whole or not at all, and never changed once it has been released.</summary>
internal abstract class Migration(long version, string description)
{
    private readonly List<string> statements = [];

    public long Version => version;

    public string Description => description;

    /// <summary>What is run, one after the other.</summary>
    public IReadOnlyList<string> Statements()
    {
        statements.Clear();
        Up();
        return statements;
    }

    protected abstract void Up();

    protected void Execute(string statement) => statements.Add(statement);
}
