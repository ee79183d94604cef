using FluentMigrator.Runner.VersionTableInfo;

namespace Millpond.Server.Catalog.Migrations;

/// <summary>The table in which FluentMigrator writes down what it has applied.</summary>
[VersionTableMetaData]
public sealed class SchemaVersions : IVersionTableMetaData
{
    public const string Table = "schema_versions";
    public const string Column = "version";

    public bool OwnsSchema => false;

    public string SchemaName => "";

    public string TableName => Table;

    public string ColumnName => Column;

    public string DescriptionColumnName => "description";

    public string UniqueIndexName => "schema_versions_unique";

    public string AppliedOnColumnName => "applied_on";

    public bool CreateWithPrimaryKey => false;
}
