using System.Text;
using Millpond.Server.Telemetry;

namespace Millpond.Cli.Tables;

/// <summary>
/// A table for people. Names are looked for by eye and copied, so no word is ever cut: a terminal that is too narrow for the columns gets
/// a block of lines for each row instead, and where there is no terminal each row is one line.
/// </summary>
/// <param name="titles">Of the columns; the first one names the row.</param>
internal sealed class TextTable(params string[] titles)
{
    private const string Gap = "  ";
    private const string Indent = "    ";

    private readonly List<string[]> rows = [];

    public bool IsEmpty => rows.Count == 0;

    public void Add(params string[] cells) => rows.Add([.. cells.Select(VisibleText.Of)]);

    /// <param name="width">How many columns the terminal has; null for as many as are needed.</param>
    public string Draw(int? width)
    {
        var widths = titles.Select((title, column) => rows.Select(row => row[column].Length).Append(title.Length).Max()).ToArray();
        var free = (width ?? int.MaxValue) - (Gap.Length * (titles.Length - 1));
        if (widths.Sum(column => (long)column) > free && !TryNarrow(widths, free))
        {
            return Blocks(width ?? int.MaxValue);
        }

        var text = new StringBuilder();
        Line(text, titles, widths);
        Line(text, [.. widths.Select((column, i) => new string('-', Math.Min(column, rows.Select(row => row[i].Length).Append(titles[i].Length).Max())))], widths);
        foreach (var row in rows)
        {
            Line(text, row, widths);
        }

        return text.ToString();
    }

    // Takes from the widest columns until all fit, each no narrower than its longest word.
    private bool TryNarrow(int[] widths, int free)
    {
        var least = titles.Select((title, column) => rows.Select(row => LongestWord(row[column])).Append(title.Length).Max()).ToArray();
        if (least.Sum() > free)
        {
            return false;
        }

        while (widths.Sum() > free)
        {
            var widest = Enumerable.Range(0, widths.Length).Where(column => widths[column] > least[column]).MaxBy(column => widths[column]);
            widths[widest]--;
        }

        return true;
    }

    private string Blocks(int width)
    {
        var text = new StringBuilder();
        var label = titles.Skip(1).Max(title => title.Length) + Gap.Length;
        foreach (var row in rows)
        {
            text.Append(row[0]).Append('\n');
            for (var column = 1; column < titles.Length; column++)
            {
                var lines = Wrap(row[column], width - Indent.Length - label);
                for (var i = 0; i < lines.Count; i++)
                {
                    text.Append(Indent).Append((i == 0 ? titles[column] : "").PadRight(label)).Append(lines[i]).Append('\n');
                }
            }
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, string[] cells, int[] widths)
    {
        var wrapped = cells.Select((cell, column) => Wrap(cell, widths[column])).ToArray();
        for (var i = 0; i < wrapped.Max(lines => lines.Count); i++)
        {
            var line = string.Join(Gap, wrapped.Select((lines, column) => (i < lines.Count ? lines[i] : "").PadRight(widths[column])));
            text.Append(line.TrimEnd()).Append('\n');
        }
    }

    /// <summary>The text in lines, broken between words only; a word that is longer than a line is a line of its own.</summary>
    private static List<string> Wrap(string text, int width)
    {
        if (text.Length <= width)
        {
            return [text];
        }

        var lines = new List<string>();
        var line = new StringBuilder();
        foreach (var word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                lines.Add(line.ToString());
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        lines.Add(line.ToString());
        return lines;
    }

    private static int LongestWord(string text) => text.Split(' ').Max(word => word.Length);
}
