namespace Millpond.Server.Access.Signatures;

/// <summary>What of a request a signature is over.</summary>
/// <param name="Path">As received, not decoded.</param>
/// <param name="Query">As received, without its question mark.</param>
/// <param name="Header">The values of a header, by its name in lower case, joined by commas; null where there is none.</param>
public sealed record SignableRequest(string Method, string Path, string Query, Func<string, string?> Header)
{
    public const string PresignedSignature = "X-Amz-Signature";

    /// <summary>The parameters of the query, decoded; a plus is a plus.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Parameters { get; } = [.. Split(Query)];

    /// <summary>The only value of a parameter; null where there is none, or several.</summary>
    public string? Parameter(string name)
    {
        string? found = null;
        foreach (var parameter in Parameters)
        {
            if (parameter.Key != name)
            {
                continue;
            }

            if (found is not null)
            {
                return null;
            }

            found = parameter.Value;
        }

        return found;
    }

    private static IEnumerable<KeyValuePair<string, string>> Split(string query)
    {
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            yield return equals < 0
                ? new(Uri.UnescapeDataString(part), "")
                : new(Uri.UnescapeDataString(part[..equals]), Uri.UnescapeDataString(part[(equals + 1)..]));
        }
    }
}
