using System.Data.Common;

namespace Millpond.Server.Catalog;

/// <summary>A connection for reading with the commands that were prepared on it, one per SQL text; used by one reader at a time.</summary>
internal sealed class ReadConnection(DbConnection connection) : IDisposable
{
    private readonly Dictionary<string, DbCommand> prepared = [];

    /// <summary>For reads that are not on the path of a pull.</summary>
    public DbConnection Connection => connection;

    /// <summary>The first row, or the default value where there is none; the keys are bound to <c>@k0</c>, <c>@k1</c>.</summary>
    public T? Find<T>(string sql, Func<DbDataReader, T> row, params ReadOnlySpan<string> keys)
    {
        if (!prepared.TryGetValue(sql, out var command))
        {
            command = Prepare(sql, keys.Length);
        }

        for (var i = 0; i < keys.Length; i++)
        {
            command.Parameters[i].Value = keys[i];
        }

        using var reader = command.ExecuteReader();
        return reader.Read() ? row(reader) : default;
    }

    public void Dispose()
    {
        foreach (var command in prepared.Values)
        {
            command.Dispose();
        }

        connection.Dispose();
    }

    private DbCommand Prepare(string sql, int keys)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < keys; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"@k{i}";
            parameter.DbType = System.Data.DbType.String;
            command.Parameters.Add(parameter);
        }

        command.Prepare();
        prepared.Add(sql, command);
        return command;
    }
}
