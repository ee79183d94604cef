namespace Millpond.Rewriting.Places;

/// <summary>Names with <c>*</c> for any characters, as the tables use them.</summary>
internal static class Wildcard
{
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text, StringComparison comparison = StringComparison.Ordinal)
    {
        var star = pattern.IndexOf('*');
        if (star < 0)
        {
            return text.Equals(pattern, comparison);
        }

        if (!text.StartsWith(pattern[..star], comparison))
        {
            return false;
        }

        var rest = pattern[(star + 1)..];
        text = text[star..];
        // The shortest stretch for each star is enough as long as the last part is matched from the end.
        for (var next = rest.IndexOf('*'); next >= 0; next = rest.IndexOf('*'))
        {
            var at = text.IndexOf(rest[..next], comparison);
            if (at < 0)
            {
                return false;
            }

            text = text[(at + next)..];
            rest = rest[(next + 1)..];
        }

        return text.Length >= rest.Length && text.EndsWith(rest, comparison);
    }
}
