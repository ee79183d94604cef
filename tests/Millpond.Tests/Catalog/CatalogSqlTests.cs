using Microsoft.Data.Sqlite;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Tests.Catalog;

public sealed class CatalogSqlTests : IDisposable
{
    private readonly SqliteConnection connection = new("Data Source=:memory:");

    public CatalogSqlTests()
    {
        connection.Open();
        connection.Run("CREATE TABLE things (name TEXT NOT NULL PRIMARY KEY, size INTEGER NULL, note TEXT NULL, content BLOB NULL) STRICT");
    }

    public void Dispose() => connection.Dispose();

    /// <summary>Names in SQL begin small, whatever the property's does; NULL comes back as null, and an empty text or no bytes as such.</summary>
    [Fact]
    public void What_is_put_is_read_again()
    {
        var thing = new Thing("ünïcode \0 '; DROP TABLE things --", null, "", []);
        Assert.Equal(1, connection.Run("INSERT INTO things (name, size, note, content) VALUES (@name, @size, @note, @content)", thing));
        Assert.Equal(1, connection.Run("INSERT INTO things (name, size, note) VALUES (@name, @size, @note)", new { name = "b", size = (long?)long.MinValue, note = (string?)null }));

        var read = connection.Rows(
            static row => new Thing(row.GetString(0), row.Number(1), row.Text(2), row.Bytes(3)),
            "SELECT name, size, note, content FROM things WHERE name > @after ORDER BY name DESC",
            new { after = "" });

        Assert.Equal(thing.Name, read[0].Name);
        Assert.Null(read[0].Size);
        Assert.Equal("", read[0].Note);
        Assert.Empty(read[0].Content!);
        Assert.Equal(("b", long.MinValue, null, null), (read[1].Name, read[1].Size, read[1].Note, read[1].Content));
    }

    [Fact]
    public void What_is_not_there_is_null()
    {
        Assert.Null(connection.FindNumber("SELECT size FROM things"));
        Assert.Null(connection.FindText("SELECT note FROM things WHERE name = @name", new { name = "none" }));
        Assert.Empty(connection.Texts("SELECT name FROM things WHERE name = @name", new { name = "none" }));
    }

    /// <summary>A value that is null after one that was not must not leave the one before.</summary>
    [Fact]
    public void Each_of_many_has_its_own_values()
    {
        var all = new[] { ("a", (long?)1), ("b", null), ("c", 3) };

        Assert.Equal(3, connection.RunEach("INSERT INTO things (name, size) VALUES (@name, @size)", all.Select(one => new { name = one.Item1, size = one.Item2 })));
        Assert.Equal(all, connection.Rows(static row => (row.GetString(0), row.Number(1)), "SELECT name, size FROM things ORDER BY name"));
        Assert.Equal(0, connection.RunEach("DELETE FROM things WHERE name = @name", Enumerable.Empty<string>().Select(name => new { name })));
    }

    [Fact]
    public void A_missing_value_is_an_error() =>
        Assert.Throws<InvalidOperationException>(() => connection.Run("DELETE FROM things WHERE name = @name", new { other = 1 }));

    /// <summary>Of an object of no known type nothing would be bound, and a list is not one row.</summary>
    [Fact]
    public void Values_that_say_nothing_are_refused()
    {
        var many = new[] { new { name = "a" } };
        var refused = Assert.Throws<TypeInitializationException>(() => connection.Run("DELETE FROM things WHERE name = @name", many));
        Assert.Contains("RunEach", refused.InnerException!.Message, StringComparison.Ordinal);
        Assert.Throws<TypeInitializationException>(() => connection.Run("DELETE FROM things WHERE name = @name", (object)new { name = "a" }));
    }

    private sealed record Thing(string Name, long? Size, string? Note, byte[]? Content);
}
