using System.Text;
using Millpond.Cli.Charts;
using Millpond.Cli.Files;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Records;
using Millpond.Server.Telemetry;

namespace Millpond.Cli.Editing;

/// <summary>
/// Restores files: to the byte where a record knows the file as it is now; else by the rules, with the original texts of those places
/// that the record still recognises. Nothing is written before it is known of every file that the record says only what a rewriting does.
/// </summary>
internal sealed class RestoreRun(RewriteRules rules, PlaceTables tables, RewriteRecord? record, RunMode mode, Streams streams, RunSummary summary, bool everywhere = false)
{
    private readonly RecordedPlaces places = new(tables, ReferenceChanges.Restoring(rules), new ChartFolders().Of);

    public bool AnyChange { get; private set; }

    /// <summary>Whether a document could not be read, so that what it names is not known.</summary>
    public bool AnyFault { get; private set; }

    /// <exception cref="CommandFailedException">A file cannot be read, or the record is not one of a rewriting.</exception>
    public void Run(IReadOnlyList<string> files)
    {
        var isRecordedInput = files.Contains(FileSelection.StandardInput) && Steps(FileSelection.StandardInput).Count > 0;
        // Whether it is what was written is known at its end, so it is read twice: held, on the disk where it is long.
        using var held = isRecordedInput ? new HeldInput(streams.Input()) : null;
        foreach (var plan in files.Select(file => PlanOf(file, held)).ToList())
        {
            FileVerb.Guard(plan.File, () => Do(plan));
        }
    }

    private static bool IsSame(string left, string right) =>
        left == right || (left != FileSelection.StandardInput && right != FileSelection.StandardInput && Path.GetFullPath(left) == Path.GetFullPath(right));

    private List<RecordedFile> Steps(string file) => record?.Files.Where(candidate => IsSame(candidate.Path, file)).ToList() ?? [];

    private RestorePlan PlanOf(string file, HeldInput? held)
    {
        var recorded = Steps(file);
        if (recorded.Count == 0)
        {
            return new RestorePlan(file, null, [], []);
        }

        Func<Stream> open = file == FileSelection.StandardInput ? held!.Open : () => InputFile.Open(file);
        return FileVerb.Guard(file, () =>
        {
            var now = StateOf(open);
            var steps = RecordedFiles.Leading(recorded, now);
            if ((steps.Count > 0 && LeadsBack(steps, open)) || (steps.Count == 0 && recorded.Exists(step => step.Before == now)))
            {
                Check(file, steps, open);
                return new RestorePlan(file, open, steps, []);
            }

            return file == FileSelection.StandardInput
                ? throw new CommandFailedException("Standard input is not what the record says was written; leave --record out to restore by the rules.")
                : new RestorePlan(file, null, [], recorded);
        });
    }

    private static FileState StateOf(Func<Stream> open)
    {
        using var input = open();
        using var state = new FingerprintStream(input);
        state.CopyTo(Stream.Null);
        return state.State();
    }

    private static bool LeadsBack(IReadOnlyList<RecordedFile> steps, Func<Stream> open)
    {
        using var input = open();
        return RecordedFiles.TryRestore(steps, input, Stream.Null);
    }

    private void Check(string file, IReadOnlyList<RecordedFile> steps, Func<Stream> open)
    {
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            using var first = open();
            using var second = open();
            using var before = RecordedFiles.Restoring(steps.Skip(i), first);
            using var after = RecordedFiles.Restoring(steps.Skip(i + 1), second);
            if (places.FirstForeign(steps[i], file, before, after) is { } foreign)
            {
                throw new CommandFailedException(
                    $"{file}:{foreign.Line}: what the record has for {foreign.Place} is no image reference that a rewriting has changed there; nothing was changed. "
                    + "(Was it rewritten with --places, --config or --server, name those too.)");
            }
        }
    }

    private bool Do(RestorePlan plan)
    {
        if (plan.Open is not { } open)
        {
            ByRules(plan);
        }
        else if (plan.Steps.Count == 0)
        {
            LeaveAsItIs(plan.File, open);
        }
        else
        {
            Exactly(plan.File, plan.Steps, open);
        }

        return true;
    }

    private void Exactly(string file, IReadOnlyList<RecordedFile> steps, Func<Stream> open)
    {
        AnyChange = true;
        summary.AddFile(isChanged: true);
        summary.AddRecorded(steps.Max(step => step.Edits.Count));
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
    }

    // It was restored before, or its rewriting was recorded and then cut short. What named the cache from the first is to stay.
    private void LeaveAsItIs(string file, Func<Stream> open)
    {
        summary.AddFile(isChanged: false);
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
    }

    private void ByRules(RestorePlan plan)
    {
        if (plan.Outdated.Count > 0)
        {
            streams.Messages.WriteLine($"{plan.File}: changed since it was rewritten; what the record no longer knows gets its familiar form.");
        }

        var changes = ReferenceChanges.Restoring(rules, plan.Outdated.SelectMany(step => step.Edits).Where(IsOriginal));
        var run = new FileRun(new FileRewriter(tables, changes, everywhere), mode, streams, summary);
        run.Run([plan.File]);
        AnyChange |= run.AnyChange;
        AnyFault |= run.AnyFault;
    }

    // What the record says was there, where it is the same image: the rules know which the replacement stands for, or was made of it.
    private bool IsOriginal(RecordedEdit edit)
    {
        var restored = rules.Restore(edit.Replacement);
        return RecordedPlaces.AreAlike(edit)
            && (!restored.IsChanged
                || ImageReference.Parse(restored.Reference).Normalised == ImageReference.Parse(edit.Original).Normalised
                || rules.Rewrite(edit.Original).Reference == edit.Replacement);
    }

    private void Explain(IReadOnlyList<RecordedFile> steps, string file)
    {
        if (mode.Explain)
        {
            foreach (var edit in steps.SelectMany(step => step.Edits))
            {
                streams.Messages.WriteLine(VisibleText.Of($"{file}:{edit.Line}: {edit.Replacement.Trim()} -> {edit.Original}: as recorded ({edit.Place})"));
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

    /// <summary>What is to become of a file.</summary>
    /// <param name="Open">Opens it; null for a file that is restored by the rules.</param>
    /// <param name="Steps">The rewritings that are taken back; with none it is as it was.</param>
    /// <param name="Outdated">What a record knows of a file that is another by now.</param>
    private sealed record RestorePlan(string File, Func<Stream>? Open, IReadOnlyList<RecordedFile> Steps, IReadOnlyList<RecordedFile> Outdated);
}
