using System.Buffers;
using Millpond.Images;

namespace Millpond.Rewriting.Places;

/// <summary>Texts that something else fills in: Go templates, shell and Compose variables, Kubernetes' <c>$(VAR)</c>, Terraform's <c>${…}</c>.</summary>
internal static class Placeholders
{
    private static readonly SearchValues<string> Marks = SearchValues.Create(["{", "$", "<", "%"], StringComparison.Ordinal);

    public static bool IsIn(ReadOnlySpan<char> text) => text.ContainsAny(Marks);

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
