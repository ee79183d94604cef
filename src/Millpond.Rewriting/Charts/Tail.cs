using System.Buffers;
using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>The end of what a template has printed so far: a value, and text behind it without blanks and quotes.</summary>
/// <param name="Before">Null where only text was printed.</param>
internal sealed record Tail(TemplateValue? Before, string Text)
{
    /// <summary>More ways to come to one place than this are not followed.</summary>
    private const int MaxWays = 8;

    /// <summary>Behind these a new word begins.</summary>
    private static readonly SearchValues<char> WordEnds = SearchValues.Create(" \t\r\n\"'`=,;()[]{}<>|");

    public static Tail Nothing { get; } = new(null, "");

    /// <summary>Nobody knows what was printed.</summary>
    public static Tail Lost { get; } = new(TemplateValue.Unknown, "");

    public bool IsNothing => Before is null && Text.Length == 0;

    /// <summary>All of it as a value.</summary>
    public TemplateValue Value => Before is null ? new TemplateValue.Constant(Text) : Text.Length == 0 ? Before : TemplateValue.Unknown;

    /// <summary>What there is when a text has been printed.</summary>
    public static ImmutableArray<Tail> Print(ImmutableArray<Tail> tails, string text)
    {
        var end = text.AsSpan().LastIndexOfAny(WordEnds);
        var scheme = text.LastIndexOf("//", StringComparison.Ordinal);
        var start = Math.Max(end + 1, scheme < 0 ? 0 : scheme + 2);
        return start > 0
            ? [new Tail(null, text[start..])]
            : [.. tails.Select(tail => tail with { Text = tail.Text + text })];
    }

    public static ImmutableArray<Tail> Union(ImmutableArray<Tail> first, ImmutableArray<Tail> second)
    {
        ImmutableArray<Tail> all = [.. first.Concat(second).DistinctBy(tail => $"{tail.Before?.Key} {tail.Text}")];
        return all.Length <= MaxWays ? all : [Lost];
    }
}
