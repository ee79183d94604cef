using System.Buffers;
using Millpond.Images;

namespace Millpond.Rewriting.Places;

/// <summary>Texts that something else fills in: Go templates, shell and Compose variables, Kubernetes' <c>$(VAR)</c>, Terraform's <c>${…}</c>.</summary>
internal static class Placeholders
{
    private static readonly SearchValues<string> Marks = SearchValues.Create(["{", "$", "<", "%"], StringComparison.Ordinal);

    public static bool IsIn(ReadOnlySpan<char> text) => text.ContainsAny(Marks);

    /// <summary>Whether a text is an expression of an ARM template: <c>[parameters('image')]</c>.</summary>
    public static bool IsExpression(string text) => text.StartsWith('[') && text.EndsWith(']');

    /// <summary>Where the default is in <c>${NAME:-nginx:1}</c>; a length of zero where the text is not of that form.</summary>
    public static (int At, int Length) DefaultIn(string text)
    {
        if (!text.StartsWith("${", StringComparison.Ordinal) || !text.EndsWith('}'))
        {
            return default;
        }

        var dash = text.IndexOf('-', StringComparison.Ordinal);
        var at = dash + 1;
        return dash > 2 && at < text.Length - 1 && !text.AsSpan(2, dash - 2).ContainsAny('.', '/') && !IsIn(text.AsSpan(at, text.Length - 1 - at))
            && ImageReference.TryParse(text[at..^1], out _)
                ? (at, text.Length - 1 - at)
                : default;
    }

    /// <summary>
    /// How much of the text is a literal name although its tag is filled in: all before the colon or at sign in
    /// <c>quay.io/a/b:{{ .Values.tag }}</c>. Zero where the name itself is not literal.
    /// </summary>
    public static int LiteralNameLength(string text)
    {
        var mark = text.AsSpan().IndexOfAny(Marks);
        if (mark < 2)
        {
            return 0;
        }

        // The tag may begin literally (":v{{ … }}"), a host may have a port: the name ends at the last colon behind the last slash.
        var head = text.AsSpan(0, mark);
        var at = head.IndexOf('@');
        if (at >= 0)
        {
            head = head[..at];
        }

        var slash = head.LastIndexOf('/');
        var colon = head[(slash + 1)..].IndexOf(':');
        var length = colon >= 0 ? slash + 1 + colon : at >= 0 ? at : 0;
        return length > 0 && ImageReference.TryParse(text[..length], out _) ? length : 0;
    }
}
