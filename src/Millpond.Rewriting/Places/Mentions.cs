using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Millpond.Rewriting.Places;

/// <summary>Where references are named without being pulled: keys and files, each with the reason. Kinds of resources have a table of their own.</summary>
internal sealed class Mentions
{
    /// <summary>Keys repeat; beyond so many each is looked up again.</summary>
    private const int MaxRemembered = 4096;

    private readonly ConcurrentDictionary<string, Obstacle?> byKey = new(StringComparer.Ordinal);

    private ImmutableArray<MentionRow> Rows { get; init; } = [];

    public Mentions With(TableReader root) => new()
    {
        Rows = Rows.AddRange(root.Rows("mentions").Select(row => new MentionRow(ReasonOf(row), row.Words("keys"), row.Words("files")))),
    };

    public static Obstacle ReasonOf(TableReader row) => row.WordOrNull("as") is { } word ? Obstacles.ParseImposed(word) : Obstacle.Policy;

    public Obstacle? OfKey(string key)
    {
        if (byKey.TryGetValue(key, out var reason))
        {
            return reason;
        }

        reason = Rows.FirstOrDefault(row => row.Keys.Any(pattern => Wildcard.Matches(pattern, key, StringComparison.OrdinalIgnoreCase)))?.Reason;
        if (byKey.Count < MaxRemembered)
        {
            byKey[key] = reason;
        }

        return reason;
    }

    public Obstacle? OfFile(string name) =>
        Rows.FirstOrDefault(row => row.Files.Any(pattern => Wildcard.Matches(pattern, name, StringComparison.OrdinalIgnoreCase)))?.Reason;
}

internal sealed record MentionRow(Obstacle Reason, ImmutableArray<string> Keys, ImmutableArray<string> Files);
