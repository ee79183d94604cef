using System.Text;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary>
/// Restores files: to the byte where a record knows the file as it is now; else by the rules, with the original texts of those places
/// that the record still recognises.
/// </summary>
internal sealed class RestoreRun(RewriteRules rules, PlaceTables tables, RewriteRecord? record, RunMode mode, Streams streams)
{
    public bool AnyChange { get; private set; }

    /// <summary>Whether a document could not be read, so that what it names is not known.</summary>
    public bool AnyFault { get; private set; }

    public void Run(IEnumerable<string> files)
    {
        foreach (var file in files)
        {
            var steps = record?.Files.Where(candidate => IsSame(candidate.Path, file)).ToList() ?? [];
            if (steps.Count == 0 || !TryExactly(steps, file))
            {
                ByRules(steps, file);
            }
        }
    }

    private static bool IsSame(string left, string right) =>
        left == right || (left != FileSelection.StandardInput && right != FileSelection.StandardInput && Path.GetFullPath(left) == Path.GetFullPath(right));

    private bool TryExactly(List<RecordedFile> steps, string file)
    {
        if (file == FileSelection.StandardInput)
        {
            // Whether it is what was written is known at its end, so it is read twice: held, on the disk where it is long.
            using var held = new HeldInput(streams.Input());
            return TryExactly(steps, file, held.Open)
                ? true
                : throw new CommandFailedException("Standard input is not what the record says was written; leave --record out to restore by the rules.");
        }

        return TryExactly(steps, file, () => File.OpenRead(file));
    }

    private bool TryExactly(List<RecordedFile> recorded, string file, Func<Stream> open)
    {
        var now = StateOf(open);
        var steps = RecordedFiles.Leading(recorded, now);
        if (steps.Count == 0)
        {
            return recorded.Exists(step => step.Before == now) && LeaveAsItIs(file, open);
        }

        using (var input = open())
        {
            if (!RecordedFiles.TryRestore(steps, input, Stream.Null))
            {
                return false;
            }
        }

        AnyChange = true;
        Explain(steps, file);
        if (mode.InPlace)
        {
            InPlaceFile.Replace(file, (input, output) => RecordedFiles.TryRestore(steps, input, output));
        }

        if (mode.ToOutput || mode.Diff)
        {
            using var output = new BufferedStream(streams.Output(), 64 * 1024);
            if (mode.Diff)
            {
                ShowDifference(file, open, steps, output);
            }
            else
            {
                using var input = open();
                RecordedFiles.TryRestore(steps, input, output);
            }
        }

        return true;
    }

    private static FileState StateOf(Func<Stream> open)
    {
        using var input = open();
        using var state = new FingerprintStream(input);
        state.CopyTo(Stream.Null);
        return state.State();
    }

    // It was restored before, or its rewriting was recorded and then cut short. What named the cache from the first is to stay.
    private bool LeaveAsItIs(string file, Func<Stream> open)
    {
        if (mode.Explain)
        {
            streams.Messages.WriteLine($"{file}: is as it was before it was rewritten");
        }

        if (mode.ToOutput)
        {
            using var input = open();
            using var output = streams.Output();
            input.CopyTo(output);
        }

        return true;
    }

    private void ByRules(List<RecordedFile> steps, string file)
    {
        if (steps.Count > 0)
        {
            streams.Messages.WriteLine($"{file}: changed since it was rewritten; what the record no longer knows gets its familiar form.");
        }

        var changes = ReferenceChanges.Restoring(rules, steps.SelectMany(step => step.Edits));
        var run = new FileRun(new FileRewriter(tables, changes), mode, streams);
        run.Run([file]);
        AnyChange |= run.AnyChange;
        AnyFault |= run.AnyFault;
    }

    private void Explain(IReadOnlyList<RecordedFile> steps, string file)
    {
        if (mode.Explain)
        {
            foreach (var edit in steps.SelectMany(step => step.Edits))
            {
                streams.Messages.WriteLine($"{file}:{edit.Line}: {edit.Replacement.Trim()} -> {edit.Original}: as recorded ({edit.Place})");
            }
        }
    }

    // Of several steps each has a difference of its own, as they are taken back.
    private static void ShowDifference(string file, Func<Stream> open, IReadOnlyList<RecordedFile> steps, Stream output)
    {
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            using var input = open();
            using var current = RecordedFiles.Restoring(steps.Skip(i + 1), input);
            UnifiedDiff.Write(file, current, [.. Inverse(steps[i])], output);
        }
    }

    private static IEnumerable<TextEdit> Inverse(RecordedFile recorded)
    {
        var shift = 0L;
        foreach (var edit in recorded.Edits)
        {
            yield return new TextEdit(edit.Offset + shift, edit.Line, edit.Replacement, edit.Original);
            shift += Encoding.UTF8.GetByteCount(edit.Replacement) - Encoding.UTF8.GetByteCount(edit.Original);
        }
    }
}
