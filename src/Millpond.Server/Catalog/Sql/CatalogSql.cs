using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Catalog.Sql;

/// <summary>
/// Statements with named parameters: a property <c>PushedAt</c> of the values is bound to <c>@pushedAt</c>. Rows are read by functions over their columns.
/// Nothing of it makes code while the program runs, so that it can be compiled ahead (docs/decisions/start.md).
/// </summary>
internal static class CatalogSql
{
    private const DynamicallyAccessedMemberTypes Properties = DynamicallyAccessedMemberTypes.PublicProperties;

    private static readonly NoValues Nothing = new();

    /// <summary>How many rows were changed.</summary>
    public static int Run(this DbConnection connection, string sql) => Run(connection, sql, Nothing);

    /// <inheritdoc cref="Run(DbConnection, string)"/>
    public static int Run<[DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, string sql, TValues values)
        where TValues : class
    {
        using var command = Bind(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    /// <summary>One statement for each of the values; how many rows were changed in all.</summary>
    public static int RunEach<[DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, string sql, IEnumerable<TValues> all)
        where TValues : class
    {
        var changed = 0;
        DbCommand? command = null;
        try
        {
            foreach (var values in all)
            {
                if (command is null)
                {
                    command = Bind(connection, sql, values);
                }
                else
                {
                    SqlValues<TValues>.Set(command, values);
                }

                changed += command.ExecuteNonQuery();
            }
        }
        finally
        {
            command?.Dispose();
        }

        return changed;
    }

    /// <summary>The first row's first column; null where there is none, or NULL.</summary>
    public static long? FindNumber(this DbConnection connection, string sql) => FindNumber(connection, sql, Nothing);

    /// <inheritdoc cref="FindNumber(DbConnection, string)"/>
    public static long? FindNumber<[DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, string sql, TValues values)
        where TValues : class => Find(connection, sql, values) as long?;

    /// <inheritdoc cref="FindNumber(DbConnection, string)"/>
    public static string? FindText<[DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, string sql, TValues values)
        where TValues : class => Find(connection, sql, values) as string;

    /// <summary>The first column of each row.</summary>
    public static List<string> Texts<[DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, string sql, TValues values)
        where TValues : class => Rows(connection, static row => row.GetString(0), sql, values);

    /// <summary>All rows.</summary>
    public static List<T> Rows<T>(this DbConnection connection, Func<DbDataReader, T> row, string sql) => Rows(connection, row, sql, Nothing);

    /// <inheritdoc cref="Rows{T}(DbConnection, Func{DbDataReader, T}, string)"/>
    public static List<T> Rows<T, [DynamicallyAccessedMembers(Properties)] TValues>(this DbConnection connection, Func<DbDataReader, T> row, string sql, TValues values)
        where TValues : class
    {
        using var command = Bind(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>Null for NULL.</summary>
    public static string? Text(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    /// <inheritdoc cref="Text"/>
    public static long? Number(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    /// <inheritdoc cref="Text"/>
    public static byte[]? Bytes(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<byte[]>(column);

    private sealed class NoValues;

    private static object? Find<[DynamicallyAccessedMembers(Properties)] TValues>(DbConnection connection, string sql, TValues values)
        where TValues : class
    {
        using var command = Bind(connection, sql, values);
        return command.ExecuteScalar();
    }

    private static DbCommand Bind<[DynamicallyAccessedMembers(Properties)] TValues>(DbConnection connection, string sql, TValues values)
        where TValues : class
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        SqlValues<TValues>.Add(command, values);
        return command;
    }
}
