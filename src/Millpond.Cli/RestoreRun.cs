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

    public void Run(IEnumerable<string> files)
    {
        foreach (var file in files)
        {
            var recorded = record?.Files.FirstOrDefault(candidate => IsSame(candidate.Path, file));
            if (recorded is null || !TryExactly(recorded, file))
            {
                ByRules(recorded, file);
            }
        }
    }

    private static bool IsSame(string left, string right) =>
        left == right || (left != FileSelection.StandardInput && right != FileSelection.StandardInput && Path.GetFullPath(left) == Path.GetFullPath(right));

    private bool TryExactly(RecordedFile recorded, string file)
    {
        if (file == FileSelection.StandardInput)
        {
            using var held = new MemoryStream();
            streams.Input().CopyTo(held);
            return TryExactly(recorded, file, () => new MemoryStream(held.ToArray(), writable: false))
                ? true
                : throw new CommandFailedException("Standard input is not what the record says was written; leave --record out to restore by the rules.");
        }

        return TryExactly(recorded, file, () => File.OpenRead(file));
    }

    private bool TryExactly(RecordedFile recorded, string file, Func<Stream> open)
    {
        using (var input = open())
        {
            if (!RecordedFiles.TryRestore(recorded, input, Stream.Null))
            {
                return false;
            }
        }

        AnyChange = true;
        Explain(recorded, file);
        if (mode.InPlace)
        {
            InPlaceFile.Replace(file, (input, output) => RecordedFiles.TryRestore(recorded, input, output));
        }

        if (mode.ToOutput || mode.Diff)
        {
            using var input = open();
            using var output = new BufferedStream(streams.Output(), 64 * 1024);
            if (mode.Diff)
            {
                UnifiedDiff.Write(file, input, [.. Inverse(recorded)], output);
            }
            else
            {
                RecordedFiles.TryRestore(recorded, input, output);
            }
        }

        return true;
    }

    private void ByRules(RecordedFile? recorded, string file)
    {
        if (recorded is not null)
        {
            streams.Messages.WriteLine($"{file}: changed since it was rewritten; what the record no longer knows gets its familiar form.");
        }

        var changes = ReferenceChanges.Restoring(rules, recorded?.Edits);
        var run = new FileRun(new FileRewriter(tables, changes), mode, streams);
        run.Run([file]);
        AnyChange |= run.AnyChange;
    }

    private void Explain(RecordedFile recorded, string file)
    {
        if (mode.Explain)
        {
            foreach (var edit in recorded.Edits)
            {
                streams.Messages.WriteLine($"{file}:{edit.Line}: {edit.Replacement.Trim()} -> {edit.Original}: as recorded ({edit.Place})");
            }
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
