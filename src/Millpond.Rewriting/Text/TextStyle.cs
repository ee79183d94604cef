namespace Millpond.Rewriting.Text;

/// <summary>How a scalar is written in the text around it; says how it is decoded and how a replacement is encoded.</summary>
internal enum TextStyle
{
    /// <summary>The bytes themselves: a YAML plain scalar, a word of a Dockerfile, a line of a heredoc.</summary>
    Plain,

    /// <summary>YAML <c>'…'</c>.</summary>
    SingleQuoted,

    /// <summary>YAML or JSON <c>"…"</c>.</summary>
    DoubleQuoted,

    /// <summary>YAML <c>|</c>.</summary>
    Literal,

    /// <summary>YAML <c>&gt;</c>.</summary>
    Folded,

    /// <summary>HCL <c>"…"</c> with <c>${…}</c>.</summary>
    HclQuoted,

    /// <summary>HCL <c>&lt;&lt;EOT</c> and <c>&lt;&lt;-EOT</c>.</summary>
    HclHeredoc,
}
