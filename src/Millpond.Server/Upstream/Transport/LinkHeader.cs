namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// The next page's <c>Link</c> (RFC 8288), absolute or relative. Only its query is taken: the path is ours to build, so that no
/// upstream leads us elsewhere by it.
/// </summary>
internal static class LinkHeader
{
    /// <summary>The query of <c>rel="next"</c> with its question mark; null where there is none.</summary>
    public static string? NextQuery(HttpResponseMessage response)
    {
        if (!response.Headers.NonValidated.TryGetValues("Link", out var lines))
        {
            return null;
        }

        foreach (var line in lines)
        {
            for (var rest = line; rest.IndexOf('<', StringComparison.Ordinal) is >= 0 and var open;)
            {
                var close = rest.IndexOf('>', open);
                if (close < 0)
                {
                    break;
                }

                var target = rest[(open + 1)..close];
                rest = rest[(close + 1)..];
                var end = rest.IndexOf('<', StringComparison.Ordinal);
                if (IsNext(end < 0 ? rest : rest[..end]) && target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query)
                {
                    return target[query..].Split('#')[0];
                }
            }
        }

        return null;
    }

    /// <summary>A parameter of a query, decoded; null where it is missing.</summary>
    public static string? Parameter(string query, string name)
    {
        foreach (var pair in query.TrimStart('?').Split('&'))
        {
            var parts = pair.Split('=', 2);
            if (parts.Length == 2 && parts[0] == name)
            {
                return Uri.UnescapeDataString(parts[1].Replace('+', ' '));
            }
        }

        return null;
    }

    private static bool IsNext(string parameters) => parameters
        .Split([';', ','], StringSplitOptions.TrimEntries)
        .Select(parameter => parameter.Split('=', 2, StringSplitOptions.TrimEntries))
        .Any(pair => pair is [var name, var value]
            && name.Equals("rel", StringComparison.OrdinalIgnoreCase)
            && value.Trim('"').Split(' ').Contains("next", StringComparer.OrdinalIgnoreCase));
}
