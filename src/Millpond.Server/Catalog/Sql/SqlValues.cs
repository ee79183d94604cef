using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Millpond.Server.Catalog.Sql;

/// <summary>The properties of a type as parameters of a statement. Those that the statement does not name are passed over by the database.</summary>
internal static class SqlValues<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TValues>
    where TValues : class
{
    private static readonly (string Name, PropertyInfo Property)[] All = typeof(TValues) != typeof(object) && !typeof(TValues).IsAssignableTo(typeof(IEnumerable))
        ? [.. typeof(TValues).GetProperties().Select(property => ($"@{char.ToLowerInvariant(property.Name[0])}{property.Name[1..]}", property))]
        : throw new NotSupportedException($"{typeof(TValues)} says nothing about parameters: give an object of a type that is known, and many of them to RunEach.");

    public static void Add(DbCommand command, TValues values)
    {
        foreach (var (name, property) in All)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = Value(property, values);
            command.Parameters.Add(parameter);
        }
    }

    /// <summary>Other values for a command that <see cref="Add"/> has made.</summary>
    public static void Set(DbCommand command, TValues values)
    {
        for (var i = 0; i < All.Length; i++)
        {
            command.Parameters[i].Value = Value(All[i].Property, values);
        }
    }

    private static object Value(PropertyInfo property, TValues values) => property.GetValue(values) ?? DBNull.Value;
}
