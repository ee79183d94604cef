using Millpond.Rewriting.Edits;

namespace Millpond.Rewriting.Records;

/// <summary>Makes a file's record, and takes a file back by it.</summary>
public static class RecordedFiles
{
    /// <summary>The edits of a reference, as they are recorded.</summary>
    public static IEnumerable<RecordedEdit> Edits(FoundReference found) =>
        found.Edits.Select(edit => new RecordedEdit(edit.Line, found.Path, edit.Offset, edit.Original, edit.Replacement));

    /// <summary>The record of a rewriting; null where nothing was changed.</summary>
    /// <param name="file">As it was given.</param>
    /// <param name="edits">Of all its references.</param>
    /// <param name="before">The file as it was.</param>
    /// <param name="after">The file as it is now.</param>
    public static RecordedFile? Of(string file, EditCollection edits, FileState before, FileState after) =>
        edits.Count == 0 ? null : new RecordedFile(file, before, after, edits.InOrder());

    /// <summary>
    /// The rewritings that made a file what it is, in their order: not those that were recorded and then cut short, nor those of another
    /// state of it. Empty where none did.
    /// </summary>
    public static IReadOnlyList<RecordedFile> Leading(IReadOnlyList<RecordedFile> steps, FileState now)
    {
        var leading = new List<RecordedFile>();
        foreach (var step in steps.Reverse())
        {
            if (step.After == (leading is [.., var later] ? later.Before : now))
            {
                leading.Add(step);
            }
            else if (leading.Count > 0)
            {
                break;
            }
        }

        leading.Reverse();
        return leading;
    }

    /// <summary>
    /// Writes the file as it was before it was rewritten, every byte; several rewritings are taken back at once. The input must be what the
    /// record says was written; whether it is, is known only at the end, so the output is to be thrown away where the result is false.
    /// </summary>
    /// <param name="steps">The rewritings of one file, in their order.</param>
    /// <param name="input">The file as it is.</param>
    /// <param name="output">Gets it as it was.</param>
    public static bool TryRestore(IEnumerable<RecordedFile> steps, Stream input, Stream output)
    {
        var restoring = Chain(steps, input);
        restoring[^1].CopyTo(output);
        return restoring.TrueForAll(step => step.IsExact);
    }

    /// <summary>The file as it was when only these later steps are taken back; it is made while it is read.</summary>
    public static Stream Restoring(IEnumerable<RecordedFile> later, Stream input) => Chain(later, input) is [.., var last] ? last : input;

    private static List<RestoringStream> Chain(IEnumerable<RecordedFile> steps, Stream input)
    {
        var chain = new List<RestoringStream>();
        foreach (var step in steps.Reverse())
        {
            chain.Add(new RestoringStream(step, chain is [.., var last] ? last : input));
        }

        return chain;
    }
}
