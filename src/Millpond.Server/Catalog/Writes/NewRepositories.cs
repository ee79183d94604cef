using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>
/// Repositories that come into being by what is pulled or pushed: made in the write that brings it, with what is set on such as they are. A
/// repository without its settings is never seen.
/// </summary>
public sealed class NewRepositories
{
    /// <summary>The kind of templates, each kept under the prefix that it is for.</summary>
    public const string TemplateKind = "repository-template";

    /// <summary>The kind of what says that a template that everybody has is switched off.</summary>
    public const string SwitchedOffKind = "repository-template-off";

    /// <summary>For repositories that no other template is for.</summary>
    public const string Root = "ROOT";

    private readonly TimeProvider time;
    private bool isAnySet;

    internal NewRepositories(TimeProvider time) => this.time = time;

    /// <summary>
    /// Chooses what is set on a new repository, by kind, from what is kept under the prefixes of its name and under <see cref="Root"/>, the
    /// longest first. Asked within a write: it must throw nothing and wait for nothing.
    /// </summary>
    public Func<OriginRepository, IReadOnlyList<SettingRow>, IReadOnlyDictionary<string, string>>? Choose { get; set; }

    /// <summary>Told after a commit by which something was set on a new repository.</summary>
    public Action? AreSet { get; set; }

    /// <summary>The prefixes that a repository is below, and <see cref="Root"/>.</summary>
    internal static IReadOnlyList<string> PrefixesOf(RepositoryName name)
    {
        var text = name.ToString();
        return [Root, .. Enumerable.Range(1, text.Length - 1).Where(length => text[length] == '/').Select(length => text[..length])];
    }

    /// <summary>Makes the repository where there is none of its name and origin, and else knows by which rule it is now.</summary>
    internal void Put(DbConnection connection, OriginRepository at)
    {
        var now = time.GetUtcNow();
        if (ContentWrites.PutRepository(connection, at, now) == 0)
        {
            CatalogWrites.PutRule(connection, at);
        }
        else if (Choose is { } choose && !HasOther(connection, at))
        {
            foreach (var (kind, value) in choose(at, SettingTable.ListAny(connection, [TemplateKind, SwitchedOffKind], PrefixesOf(at.Name))))
            {
                SettingTable.Put(connection, kind, at.Name.ToString(), value, now);
                isAnySet = true;
            }
        }
    }

    /// <summary>After each commit, by the thread that writes.</summary>
    internal void Tell()
    {
        if (isAnySet)
        {
            isAnySet = false;
            AreSet?.Invoke();
        }
    }

    /// <summary>Whether there is one of this name from elsewhere: what is set is set on the name, and somebody may have changed it since.</summary>
    private static bool HasOther(DbConnection connection, OriginRepository at) => connection.FindNumber(
        "SELECT 1 FROM repositories WHERE name = @name AND origin <> @origin LIMIT 1", new { name = at.Name.ToString(), origin = at.Origin.Id }) is not null;
}
