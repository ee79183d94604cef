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

    public void Run(IEnumerable<string> files)
    {
        foreach (var file in files)
        {
            try
            {
                Run(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                throw new CommandFailedException($"{file}: {e.Message}", e);
            }
        }

        foreach (var warning in names.Lost())
        {
            streams.Messages.WriteLine(warning);
        }
    }

    private void Run(string file)
    {
        var report = mode.ToOutput ? WriteOut(file) : Look(file);
        AnyChange |= report.IsChanged;
        names.Add(report);
        Explain(report);
        if (mode.InPlace && report.IsChanged)
        {
            InPlaceFile.Replace(file, (input, output) =>
            {
                Rewrite(file, input, output);
                return true;
            });
        }
    }

    private FileReport WriteOut(string file)
    {
        using var input = Open(file);
        using var output = new BufferedStream(streams.Output(), 64 * 1024);
        return Rewrite(file, input, output);
    }

    private FileReport Rewrite(string file, Stream input, Stream output)
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
        var report = rewriter.Rewrite(file, held ?? input, null);
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
