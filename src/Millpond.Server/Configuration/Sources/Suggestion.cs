namespace Millpond.Server.Configuration.Sources;

/// <summary>What a mistyped word was probably meant to be.</summary>
internal static class Suggestion
{
    /// <summary>The nearest candidate, or null where none is near.</summary>
    public static string? For(string written, IEnumerable<string> candidates)
    {
        var wanted = Plain(written);
        if (wanted.Length is 0 or > 60)
        {
            return null;
        }

        var (nearest, distance) = candidates
            .Select(c => (Word: c, Distance: Distance(wanted, Plain(c))))
            .DefaultIfEmpty((Word: "", Distance: int.MaxValue))
            .MinBy(c => c.Distance);
        return distance <= Math.Max(1, wanted.Length / 3) ? nearest : null;
    }

    /// <summary>Case and separators are what people mistype first, so they cost nothing.</summary>
    private static string Plain(string word) => string.Concat(word.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string from, string to)
    {
        var previous = Enumerable.Range(0, to.Length + 1).ToArray();
        foreach (var (i, letter) in from.Index())
        {
            var current = new int[to.Length + 1];
            current[0] = i + 1;
            for (var j = 0; j < to.Length; j++)
            {
                var change = previous[j] + (letter == to[j] ? 0 : 1);
                current[j + 1] = Math.Min(change, Math.Min(previous[j + 1], current[j]) + 1);
            }

            previous = current;
        }

        return previous[to.Length];
    }
}
