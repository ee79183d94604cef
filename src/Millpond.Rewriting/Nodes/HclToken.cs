namespace Millpond.Rewriting.Nodes;

internal enum HclTokenKind
{
    End,
    NewLine,
    Identifier,
    Text,
    Heredoc,

    /// <summary>A bracket, an operator, a number: one byte of anything else.</summary>
    Mark,
}

/// <summary>A token and where it is; for a heredoc, where its lines are.</summary>
internal readonly record struct HclToken(HclTokenKind Kind, int Start, int End, byte Mark = 0)
{
    public bool Is(char mark) => Kind == HclTokenKind.Mark && Mark == mark;
}
