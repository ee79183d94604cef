using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary>Runs a rewriter over files in one of the modes; rewriting and restoring differ only in their rules.</summary>
/// <param name="keepsRecord">Whether <see cref="Recorded"/> is wanted.</param>
internal sealed class FileRun(FileRewriter rewriter, RunMode mode, Streams streams, bool keepsRecord = false)
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
    public void Run(IEnumerable<string> files, Action? beforeChange = null)
    {
        var changing = new List<string>();
        foreach (var file in files)
        {
            if (FileVerb.Guard(file, () => Visit(file)))
            {
                changing.Add(file);
            }
        }

        beforeChange?.Invoke();
        if (mode.InPlace)
        {
            foreach (var file in changing)
            {
                FileVerb.Guard(file, () => InPlaceFile.Replace(file, (input, output) => Change(file, input, output)));
            }
        }

        foreach (var warning in names.Lost())
        {
            streams.Messages.WriteLine(warning);
        }
    }

    private bool Visit(string file)
    {
        var isChanged = mode.ToOutput ? WriteOut(file) : Look(file);
        AnyChange |= isChanged;
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
            using var output = new BufferedStream(streams.Output(), 64 * 1024);
            UnifiedDiff.Write(file, input, FileReport.InOrder(edits), output);
        }

        return isChanged;
    }

    /// <summary>Reads a file once. What is found is told and kept as far as it is asked for; a long file has more than memory should hold.</summary>
    private bool Rewrite(string file, Stream input, Stream? output, List<TextEdit>? edits)
    {
        using var before = keepsRecord ? new FingerprintStream(input) : null;
        using var after = keepsRecord ? new FingerprintStream(output) : null;
        var toRecord = new List<RecordedEdit>();
        var isChanged = false;
        var faults = rewriter.Rewrite(file, before ?? input, after ?? output, found =>
        {
            isChanged |= found.IsChanged;
            names.Add(found);
            Explain(found);
            edits?.AddRange(found.Edits);
            if (keepsRecord)
            {
                toRecord.AddRange(RecordedFiles.Edits(found));
            }
        });
        foreach (var fault in faults)
        {
            AnyFault = true;
            streams.Messages.WriteLine($"{fault.File}:{fault.Line}: left as it is, cannot be read: {fault.What}");
        }

        if (before is not null && after is not null && RecordedFiles.Of(file, toRecord, before.State(), after.State()) is { } record)
        {
            recorded.Add(record);
        }

        return isChanged;
    }

    private Stream Open(string file) => file == FileSelection.StandardInput ? streams.Input() : File.OpenRead(file);

    private void Explain(FoundReference found)
    {
        if (mode.Explain)
        {
            var change = found.IsChanged ? $"{found.Reference} -> {found.After}" : found.Reference;
            streams.Messages.WriteLine($"{found.File}:{found.Line}: {change}: {found.Reason}: {found.Why} ({found.Path})");
        }
    }
}
