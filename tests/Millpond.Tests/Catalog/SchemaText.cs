using System.Data.Common;
using System.Globalization;
using System.Text;
using Dapper;
using Microsoft.Data.Sqlite;
using Millpond.Server.Catalog.Migrations;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Tests.Catalog;

/// <summary>A database as the statements that make it: its tables and indexes, then the rows it begins with.</summary>
internal static class SchemaText
{
    /// <summary>Applies the migrations up to a version.</summary>
    public static void Migrate(string connectionString, long version)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        SchemaVersions.Apply(connection, Dialect.Sqlite, version);
    }

    public static string Of(DbConnection connection)
    {
        var text = new StringBuilder();
        foreach (var statement in connection.Query<string>("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"))
        {
            text.Append(statement).Append(";\n");
        }

        foreach (var table in connection.Query<string>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"))
        {
            foreach (IDictionary<string, object?> row in connection.Query($"SELECT * FROM \"{table}\""))
            {
                text.Append(CultureInfo.InvariantCulture, $"INSERT INTO {table} ({string.Join(", ", row.Keys)}) VALUES ({string.Join(", ", row.Select(Value))});\n");
            }
        }

        return text.ToString();
    }

    /// <summary>When a migration was applied is another moment in each database.</summary>
    private static string Value(KeyValuePair<string, object?> column) => column switch
    {
        { Key: "applied_on" } => "CURRENT_TIMESTAMP",
        { Value: null } => "NULL",
        { Value: string text } => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'",
        _ => Convert.ToString(column.Value, CultureInfo.InvariantCulture)!,
    };
}
