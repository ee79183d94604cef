namespace Millpond.Server.Configuration.Values;

/// <summary>Names of objects in a cluster.</summary>
public static class KubernetesName
{
    private const int LongestLabel = 63;

    /// <summary>Whether it can be a namespace or a service. One that cannot would exclude nothing, in silence.</summary>
    public static bool IsLabel(string text) =>
        text.Length is > 0 and <= LongestLabel && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') && text[0] != '-' && text[^1] != '-';
}
