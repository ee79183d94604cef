using System.Text;
using Millpond.Rewriting.Edits;

namespace Millpond.Rewriting.Records;

/// <summary>Makes a file's record, and takes a file back by it.</summary>
public static class RecordedFiles
{
    /// <summary>The record of a rewriting; null where nothing was changed.</summary>
    public static RecordedFile? Of(FileReport report, FileState before, FileState after)
    {
        // A key that several references share is recorded with the first of them.
        var edits = report.References
            .SelectMany(reference => reference.Edits, (reference, edit) => (reference.Path, Edit: edit))
            .DistinctBy(pair => pair.Edit)
            .OrderBy(pair => pair.Edit.Offset)
            .Select(pair => new RecordedEdit(pair.Edit.Line, pair.Path, pair.Edit.Offset, pair.Edit.Original, pair.Edit.Replacement))
            .ToList();
        return edits.Count == 0 ? null : new RecordedFile(report.File, before, after, [.. edits]);
    }

    /// <summary>Takes several rewritings of one file back, the last first; see <see cref="TryRestore(RecordedFile, Stream, Stream)"/>.</summary>
    public static bool TryRestore(IReadOnlyList<RecordedFile> steps, Stream input, Stream output)
    {
        var current = input;
        for (var i = steps.Count - 1; i > 0; i--)
        {
            var between = new MemoryStream();
            if (!TryRestore(steps[i], current, between))
            {
                return false;
            }

            between.Position = 0;
            current = between;
        }

        return TryRestore(steps[0], current, output);
    }

    /// <summary>
    /// Writes the file as it was before it was rewritten, every byte. The input must be what the record says was written; whether it
    /// is, is known only at the end, so the output is to be thrown away where the result is false.
    /// </summary>
    public static bool TryRestore(RecordedFile recorded, Stream input, Stream output)
    {
        using var source = new FingerprintStream(input);
        using var result = new FingerprintStream(output);
        var at = 0L;
        foreach (var edit in recorded.Edits)
        {
            if (!TryCopy(source, result, edit.Offset - at) || !TrySkip(source, edit.Replacement))
            {
                return false;
            }

            var original = Encoding.UTF8.GetBytes(edit.Original);
            result.Write(original);
            at = edit.Offset + original.Length;
        }

        source.CopyTo(result);
        return source.State() == recorded.After && result.State() == recorded.Before;
    }

    private static bool TryCopy(Stream source, Stream output, long length)
    {
        var buffer = new byte[64 * 1024];
        while (length > 0)
        {
            var read = source.Read(buffer, 0, (int)Math.Min(length, buffer.Length));
            if (read == 0)
            {
                return false;
            }

            output.Write(buffer, 0, read);
            length -= read;
        }

        return length == 0;
    }

    private static bool TrySkip(Stream source, string text)
    {
        var expected = Encoding.UTF8.GetBytes(text);
        var actual = new byte[expected.Length];
        return source.ReadAtLeast(actual, actual.Length, throwOnEndOfStream: false) == expected.Length
            && actual.AsSpan().SequenceEqual(expected);
    }
}
