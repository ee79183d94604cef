using System.Collections.Immutable;
using System.Text.Json;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Access;

/// <summary>The tags of repositories, as they are kept.</summary>
public static class ResourceTags
{
    public const string Kind = "repository-tags";

    public static async ValueTask<IReadOnlyDictionary<string, string>> ReadAsync(ControlTables control, string repository) =>
        await control.Settings.FindAsync(Kind, repository) is { } row
            ? JsonSerializer.Deserialize(row.Value, AccessJson.Default.DictionaryStringString)!
            : ImmutableDictionary<string, string>.Empty;

    public static Task WriteAsync(ControlTables control, string repository, IReadOnlyDictionary<string, string> tags, DateTimeOffset now) => tags.Count == 0
        ? control.Settings.DeleteAsync(Kind, repository)
        : control.Settings.PutAsync(Kind, repository, ToText(tags), now);

    /// <summary>As they are kept.</summary>
    public static string ToText(IReadOnlyDictionary<string, string> tags) => JsonSerializer.Serialize(tags, AccessJson.Default.IReadOnlyDictionaryStringString);
}
