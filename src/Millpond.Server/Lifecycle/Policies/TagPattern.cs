namespace Millpond.Server.Lifecycle.Policies;

/// <summary>What a tag must look like: a beginning, or a whole in which each <c>*</c> stands for anything.</summary>
public readonly record struct TagPattern(string Text, bool IsPrefix)
{
    public bool Matches(string tag) => IsPrefix ? tag.StartsWith(Text, StringComparison.Ordinal) : MatchesWhole(Text, tag);

    /// <summary>Back to the last star where it does not go on: linear for each, and no pattern has more than a few.</summary>
    private static bool MatchesWhole(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        var (p, t, star, resume) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = t;
            }
            else if (p < pattern.Length && pattern[p] == text[t])
            {
                p++;
                t++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++resume;
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].IndexOfAnyExcept('*') < 0;
    }
}
