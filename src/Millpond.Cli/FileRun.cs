using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary>Runs a rewriter over files in one of the modes; rewriting and restoring differ only in their rules.</summary>
/// <param name="keepsRecord">Whether <see cref="Recorded"/> is wanted.</param>
internal sealed class FileRun(FileRewriter rewriter, RunMode mode, Streams streams, bool keepsRecord = false)
{
    /// <summary>Up to this much of standard input is held to be read twice.</summary>
    private const int MaxHeldInput = 1 << 30;

    private readonly List<RecordedFile> recorded = [];
    private readonly MatchedNames names = new();

    /// <summary>Whether anything was changed, or would be.</summary>
    public bool AnyChange { get; private set; }

    public IReadOnlyList<RecordedFile> Recorded => recorded;

    /// <param name="files">The files.</param>
    /// <param name="beforeChange">Called when all that will change is known and nothing has been changed in place yet.</param>
    public void Run(IEnumerable<string> files, Action? beforeChange = null)
    {
        var changing = new List<string>();
        foreach (var file in files)
        {
            if (Guard(file, () => Visit(file)))
            {
                changing.Add(file);
            }
        }

        beforeChange?.Invoke();
        if (mode.InPlace)
        {
            foreach (var file in changing)
            {
                Guard(file, () => InPlaceFile.Replace(file, (input, output) => rewriter.Rewrite(file, input, output).IsChanged));
            }
        }

        foreach (var warning in names.Lost())
        {
            streams.Messages.WriteLine(warning);
        }
    }

    private static bool Guard(string file, Func<bool> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CommandFailedException($"{file}: {e.Message}", e);
        }
    }

    private bool Visit(string file)
    {
        var report = mode.ToOutput ? WriteOut(file) : Look(file);
        AnyChange |= report.IsChanged;
        names.Add(report);
        Explain(report);
        return report.IsChanged;
    }

    private FileReport WriteOut(string file)
    {
        using var input = Open(file);
        using var output = new BufferedStream(streams.Output(), 64 * 1024);
        return Rewrite(file, input, output);
    }

    private FileReport Rewrite(string file, Stream input, Stream? output)
    {
        if (!keepsRecord)
        {
            return rewriter.Rewrite(file, input, output);
        }

        using var before = new FingerprintStream(input);
        using var after = new FingerprintStream(output);
        var report = rewriter.Rewrite(file, before, after);
        after.Flush();
        if (RecordedFiles.Of(report, before.State(), after.State()) is { } record)
        {
            recorded.Add(record);
        }

        return report;
    }

    private FileReport Look(string file)
    {
        using var input = Open(file);
        // Standard input is read once: what may be shown of it is held.
        using var held = mode.Diff && file == FileSelection.StandardInput ? Hold(input) : null;
        var report = Rewrite(file, held ?? input, null);
        if (mode.Diff && report.IsChanged)
        {
            using var again = held is null ? Open(file) : held;
            again.Position = 0;
            using var output = new BufferedStream(streams.Output(), 64 * 1024);
            UnifiedDiff.Write(file, again, [.. report.Edits], output);
        }

        return report;
    }

    private static MemoryStream Hold(Stream input)
    {
        var held = new MemoryStream();
        input.CopyTo(held);
        if (held.Length > MaxHeldInput)
        {
            throw new InvalidDataException("Standard input is longer than 1 GiB; write it to a file for --diff.");
        }

        held.Position = 0;
        return held;
    }

    private Stream Open(string file) => file == FileSelection.StandardInput ? streams.Input() : File.OpenRead(file);

    private void Explain(FileReport report)
    {
        foreach (var fault in report.Faults)
        {
            streams.Messages.WriteLine($"{fault.File}:{fault.Line}: left as it is, cannot be read: {fault.What}");
        }

        if (!mode.Explain)
        {
            return;
        }

        foreach (var found in report.References)
        {
            var change = found.IsChanged ? $"{found.Reference} -> {found.After}" : found.Reference;
            streams.Messages.WriteLine($"{found.File}:{found.Line}: {change}: {found.Reason}: {found.Why} ({found.Path})");
        }
    }
}
