using System.Globalization;
using System.Text;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli.Editing;

/// <summary>
/// The difference that edits make, in the form of <c>diff -u</c>. It is made from the edits and one pass over the file, so it is exact to
/// the byte and needs no memory for files of any length.
/// </summary>
internal static class UnifiedDiff
{
    private const int Context = 3;
    private const int LongestLine = 16 << 20;

    public static void Write(string path, Stream original, IReadOnlyList<TextEdit> edits, Stream output)
    {
        var name = NameOf(path);
        output.Write(Encoding.UTF8.GetBytes($"--- a/{name}\n+++ b/{name}\n"));
        var writer = new HunkWriter(output);
        var next = 0;
        var offset = 0L;
        foreach (var line in Lines(original))
        {
            var end = offset + line.Length;
            var first = next;
            while (next < edits.Count && (edits[next].Offset < end || (edits[next].Offset == end && !line.EndsWith('\n'))))
            {
                next++;
            }

            writer.Add(line, first == next ? null : Apply(line, offset, edits, first, next));
            offset = end;
        }

        // A line that is added behind the last one.
        if (next < edits.Count)
        {
            writer.Add("", string.Concat(edits.Skip(next).Select(edit => edit.Replacement)));
        }

        writer.Finish();
    }

    private static string Apply(string line, long offset, IReadOnlyList<TextEdit> edits, int first, int next)
    {
        var text = new StringBuilder();
        var at = 0;
        for (var i = first; i < next; i++)
        {
            var start = (int)(edits[i].Offset - offset);
            text.Append(line, at, start - at).Append(edits[i].Replacement);
            at = start + Encoding.UTF8.GetByteCount(edits[i].Original);
        }

        return text.Append(line, at, line.Length - at).ToString();
    }

    // Bytes as characters one for one; they are written back the same way.
    private static IEnumerable<string> Lines(Stream original)
    {
        using var reader = new StreamReader(original, Encoding.Latin1, false, 64 * 1024, leaveOpen: true);
        var line = new StringBuilder();
        for (var c = reader.Read(); c >= 0; c = reader.Read())
        {
            if (line.Length == LongestLine)
            {
                throw new InvalidDataException($"A line is longer than {LongestLine >> 20} MiB, and a difference shows whole lines; --explain tells what changes.");
            }

            line.Append((char)c);
            if (c == '\n')
            {
                yield return line.ToString();
                line.Clear();
            }
        }

        if (line.Length > 0)
        {
            yield return line.ToString();
        }
    }

    // As diff has it, so that patch and git apply find the file: git takes no ./, and patch ends a name with a space in it at a tab.
    private static string NameOf(string path)
    {
        var name = path == FileSelection.StandardInput ? "stdin" : Path.GetRelativePath("/", Path.Join("/", path));
        return name.Contains(' ', StringComparison.Ordinal) ? $"{name}\t" : name;
    }

    private static void Put(Stream output, string text) => output.Write(Encoding.Latin1.GetBytes(text));

    /// <summary>Gathers lines to hunks: changes with the lines around them.</summary>
    private sealed class HunkWriter(Stream output)
    {
        private readonly List<string> hunk = [];
        private readonly Queue<string> before = new();
        private int oldLine;
        private int newLine;
        private int oldStart;
        private int newStart;
        private int oldCount;
        private int newCount;
        private int quiet;

        public void Add(string line, string? changed)
        {
            if (changed is null)
            {
                Keep(line);
                return;
            }

            Begin();
            quiet = 0;
            // An added line stands before the one that it was put in front of.
            var isInsertion = line.Length > 0 && changed.EndsWith('\n' + line, StringComparison.Ordinal);
            if (line.Length > 0 && !isInsertion)
            {
                Remove(line);
            }

            foreach (var added in Split(isInsertion ? changed[..^line.Length] : changed))
            {
                hunk.Add(Marked('+', added));
                newLine++;
                newCount++;
            }

            if (isInsertion)
            {
                Keep(line);
            }
        }

        public void Finish()
        {
            if (hunk.Count == 0)
            {
                return;
            }

            // Of the quiet lines at the end only as many as the context has.
            for (; quiet > Context; quiet--)
            {
                hunk.RemoveAt(hunk.Count - 1);
                oldCount--;
                newCount--;
            }

            Put(output, string.Create(CultureInfo.InvariantCulture, $"@@ -{Start(oldStart, oldCount)},{oldCount} +{Start(newStart, newCount)},{newCount} @@\n"));
            foreach (var text in hunk)
            {
                Put(output, text);
            }

            hunk.Clear();
        }

        private static int Start(int start, int count) => count == 0 ? start - 1 : start;

        private void Begin()
        {
            if (hunk.Count > 0)
            {
                return;
            }

            oldStart = oldLine + 1 - before.Count;
            newStart = newLine + 1 - before.Count;
            oldCount = newCount = before.Count;
            hunk.AddRange(before.Select(line => Marked(' ', line)));
            before.Clear();
        }

        private void Keep(string line)
        {
            oldLine++;
            newLine++;
            if (hunk.Count == 0)
            {
                Remember(line);
                return;
            }

            hunk.Add(Marked(' ', line));
            oldCount++;
            newCount++;
            Remember(line);
            if (++quiet > 2 * Context)
            {
                Finish();
            }
        }

        private void Remove(string line)
        {
            hunk.Add(Marked('-', line));
            before.Clear();
            oldLine++;
            oldCount++;
        }

        private void Remember(string line)
        {
            before.Enqueue(line);
            if (before.Count > Context)
            {
                before.Dequeue();
            }
        }

        private static string Marked(char mark, string line) => line.EndsWith('\n') ? mark + line : $"{mark}{line}\n\\ No newline at end of file\n";

        private static IEnumerable<string> Split(string text)
        {
            while (text.Length > 0)
            {
                var end = text.IndexOf('\n', StringComparison.Ordinal) + 1;
                yield return end == 0 ? text : text[..end];
                text = end == 0 ? "" : text[end..];
            }
        }
    }
}
