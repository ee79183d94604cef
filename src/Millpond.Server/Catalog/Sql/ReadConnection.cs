using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Catalog.Sql;

/// <summary>A connection for reading with the commands that were prepared on it, one per SQL text; used by one reader at a time.</summary>
internal sealed class ReadConnection(DbConnection connection) : IDisposable
{
    private readonly Dictionary<string, DbCommand> prepared = [];

    /// <summary>The first row, or the default value where there is none; the keys (texts, 64-bit numbers) are bound to <c>@k0</c>, <c>@k1</c>.</summary>
    public ValueTask<T?> FindAsync<T>(string sql, Func<DbDataReader, T> row, params ReadOnlySpan<object> keys)
    {
        if (!prepared.TryGetValue(sql, out var command))
        {
            command = Prepare(sql, keys);
        }

        for (var i = 0; i < keys.Length; i++)
        {
            command.Parameters[i].Value = keys[i];
        }

        return FirstAsync(command, row);
    }

    /// <summary>All rows, for reads that are not on the path of a pull.</summary>
    public ValueTask<IReadOnlyList<T>> ListAsync<T>(Func<DbDataReader, T> row, string sql) => new(connection.Rows(row, sql));

    /// <inheritdoc cref="ListAsync{T}(Func{DbDataReader, T}, string)"/>
    public ValueTask<IReadOnlyList<T>> ListAsync<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TValues>(
        Func<DbDataReader, T> row, string sql, TValues values)
        where TValues : class => new(connection.Rows(row, sql, values));

    /// <summary>The first column of all rows.</summary>
    public ValueTask<IReadOnlyList<string>> ListTextsAsync<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TValues>(string sql, TValues values)
        where TValues : class => new(connection.Texts(sql, values));

    public void Dispose()
    {
        foreach (var command in prepared.Values)
        {
            command.Dispose();
        }

        connection.Dispose();
    }

    private static async ValueTask<T?> FirstAsync<T>(DbCommand command, Func<DbDataReader, T> row)
    {
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? row(reader) : default;
    }

    private DbCommand Prepare(string sql, ReadOnlySpan<object> keys)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < keys.Length; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"@k{i}";
            parameter.DbType = keys[i] is long ? DbType.Int64 : DbType.String;
            command.Parameters.Add(parameter);
        }

        command.Prepare();
        prepared.Add(sql, command);
        return command;
    }
}
