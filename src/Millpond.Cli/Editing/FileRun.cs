using Millpond.Cli.Files;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Records;
using Millpond.Server.Telemetry;

namespace Millpond.Cli.Editing;

/// <summary>Runs a rewriter over files in one of the modes; rewriting and restoring differ only in their rules.</summary>
/// <param name="summary">Gets what was found.</param>
/// <param name="keepsRecord">Whether <see cref="Recorded"/> is wanted.</param>
internal sealed class FileRun(FileRewriter rewriter, RunMode mode, Streams streams, RunSummary summary, bool keepsRecord = false)
{
    private readonly List<RecordedFile> recorded = [];
    private readonly MatchedNames names = new();

    /// <summary>Whether anything was changed, or would be.</summary>
    public bool AnyChange { get; private set; }

    /// <summary>Whether a document could not be read, so that what it names is not known.</summary>
    public bool AnyFault { get; private set; }

    public IReadOnlyList<RecordedFile> Recorded => recorded;

    /// <param name="files">The files.</param>
    /// <param name="beforeChange">Called when all that will change is known and nothing has been changed in place yet.</param>
    public void Run(IReadOnlyList<string> files, Action? beforeChange = null)
    {
        var changing = new List<string>();
        foreach (var (file, findings) in FileFindings.Of(mode.ToOutput ? [] : files, rewriter, keepsRecord))
        {
            if (FileVerb.Guard(file, () => Visit(file, findings)))
            {
                changing.Add(file);
            }
        }

        foreach (var file in mode.ToOutput ? files : [])
        {
            FileVerb.Guard(file, () => Visit(file, null));
        }

        beforeChange?.Invoke();
        if (mode.InPlace)
        {
            foreach (var _ in SideBySide.Of(changing, Replace, Environment.ProcessorCount))
            {
            }
        }

        foreach (var warning in names.Lost())
        {
            streams.Messages.WriteLine(warning);
        }
    }

    private bool Replace(string file) => FileVerb.Guard(file, () => InPlaceFile.Replace(file, (input, output) => Change(file, input, output)));

    private bool Visit(string file, FileFindings? findings)
    {
        var isChanged = mode.ToOutput ? WriteOut(file) : findings is null ? Look(file) : Look(file, findings);
        AnyChange |= isChanged;
        summary.AddFile(isChanged);
        return isChanged;
    }

    private bool Change(string file, Stream input, Stream output)
    {
        var isChanged = false;
        rewriter.Rewrite(file, input, output, found => isChanged |= found.IsChanged);
        return isChanged;
    }

    private bool WriteOut(string file)
    {
        using var input = Open(file);
        using var output = new BufferedStream(streams.Output(), 64 * 1024);
        return Rewrite(file, input, output, edits: null);
    }

    private bool Look(string file)
    {
        using var first = Open(file);
        // Standard input, or what a shell puts in a file's place, is read once: what may be shown of it is held, on the disk where it is long.
        using var held = mode.Diff && !first.CanSeek ? new HeldInput(first) : null;
        var edits = mode.Diff ? new List<TextEdit>() : null;
        bool isChanged;
        using (var input = held?.Open() ?? first)
        {
            isChanged = Rewrite(file, input, null, edits);
        }

        if (isChanged && edits is not null)
        {
            using var input = held?.Open() ?? Open(file);
            ShowDifference(file, input, edits);
        }

        return isChanged;
    }

    private bool Look(string file, FileFindings findings)
    {
        var isChanged = false;
        foreach (var found in findings.Found)
        {
            isChanged |= found.IsChanged;
            Tell(found);
        }

        Tell(findings.Faults);
        if (findings is { Before: { } before, After: { } after })
        {
            Keep(file, [.. findings.Found.SelectMany(RecordedFiles.Edits)], before, after);
        }

        if (isChanged && mode.Diff)
        {
            using var input = Open(file);
            ShowDifference(file, input, findings.Found.SelectMany(found => found.Edits));
        }

        return isChanged;
    }

    private void ShowDifference(string file, Stream input, IEnumerable<TextEdit> edits)
    {
        using var output = new BufferedStream(streams.Output(), 64 * 1024);
        UnifiedDiff.Write(file, input, FileReport.InOrder(edits), output);
    }

    /// <summary>Reads a file once. What is found is told and kept as far as it is asked for; a long file has more than memory should hold.</summary>
    private bool Rewrite(string file, Stream input, Stream? output, List<TextEdit>? edits)
    {
        using var before = keepsRecord ? new FingerprintStream(input) : null;
        using var after = keepsRecord ? new FingerprintStream(output) : null;
        var toRecord = new EditCollection();
        var isChanged = false;
        var faults = rewriter.Rewrite(file, before ?? input, after ?? output, found =>
        {
            isChanged |= found.IsChanged;
            Tell(found);
            edits?.AddRange(found.Edits);
            if (keepsRecord)
            {
                foreach (var edit in RecordedFiles.Edits(found))
                {
                    toRecord.Add(edit);
                }
            }
        });
        Tell(faults);
        if (before is not null && after is not null)
        {
            Keep(file, toRecord, before.State(), after.State());
        }

        return isChanged;
    }

    private void Tell(FoundReference found)
    {
        names.Add(found);
        summary.Add(found);
        Explain(found);
    }

    private void Tell(IReadOnlyList<FileFault> faults)
    {
        foreach (var fault in faults)
        {
            AnyFault = true;
            streams.Messages.WriteLine($"{VisibleText.Of(fault.File)}:{fault.Line}: left as it is, cannot be read: {VisibleText.Of(fault.What)}");
        }
    }

    private void Keep(string file, EditCollection edits, FileState before, FileState after)
    {
        if (RecordedFiles.Of(file, edits, before, after) is { } record)
        {
            recorded.Add(record);
        }
    }

    private Stream Open(string file) => file == FileSelection.StandardInput ? streams.Input() : InputFile.Open(file);

    private static string Place(FoundReference found) =>
        $"{found.Path}{(found.Path.Length == 0 ? "" : ", ")}{found.Kind.Word()}, evidence: {found.Evidence.Word()}";

    private void Explain(FoundReference found)
    {
        if (mode.Explain)
        {
            var change = found.IsChanged ? $"{found.Reference} -> {found.After}" : found.Reference;
            streams.Messages.WriteLine(VisibleText.Of($"{found.File}:{found.Line}: {change}: {found.Reason}: {found.Why} ({Place(found)})"));
        }
    }
}
