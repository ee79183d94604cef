namespace Millpond.Tests.Architecture;

/// <summary>A part of a page that tests make: from its mark to the next heading or mark, or the end.</summary>
internal static class DocumentPart
{
    /// <summary>Set to 1 to write such parts anew.</summary>
    private const string Update = "MILLPOND_UPDATE_DOCS";

    private static readonly Lock Writing = new();

    /// <summary>Whether the page says this after the mark.</summary>
    public static void Check(string page, string mark, string wanted)
    {
        var path = Path.Join(SourceTree.Top, "docs", page);
        lock (Writing)
        {
            var text = File.ReadAllText(path);
            var begin = text.IndexOf(mark, StringComparison.Ordinal) + mark.Length;
            Assert.True(begin >= mark.Length, $"{page} has no {mark.Trim()}");
            var end = new[] { "\n## ", "\n<!-- " }.Select(next => text.IndexOf(next, begin, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();
            if (Environment.GetEnvironmentVariable(Update) == "1")
            {
                File.WriteAllText(path, text[..begin] + wanted + text[end..]);
                return;
            }

            Assert.Equal(wanted, text[begin..end]);
        }
    }
}
