using System.Text;
using Millpond.Rewriting.Finders;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Edits;

/// <summary>Changes the references of files and nothing else: every other byte comes out as it went in.</summary>
public sealed class FileRewriter
{
    private readonly PlaceFinder finder;
    private readonly ReferenceChanges changes;
    private readonly int longLength;

    public FileRewriter(PlaceTables tables, ReferenceChanges changes)
        : this(tables, changes, DocumentReader.LongLength)
    {
    }

    /// <param name="tables">The places.</param>
    /// <param name="changes">What becomes of references.</param>
    /// <param name="longLength">Lists from this length on are read item by item.</param>
    internal FileRewriter(PlaceTables tables, ReferenceChanges changes, int longLength)
    {
        this.changes = changes;
        this.longLength = longLength;
        finder = new(tables, changes.MeaningOf);
    }

    /// <summary>Copies a file from one stream to another with its references changed.</summary>
    /// <param name="path">The file's name, which tells its format; <c>-</c> for standard input.</param>
    /// <param name="input">The file.</param>
    /// <param name="output">Where it goes; null to look only.</param>
    /// <exception cref="InvalidDataException">Something in it that must be held in one piece is too long.</exception>
    public FileReport Rewrite(string path, Stream input, Stream? output)
    {
        var references = new List<FoundReference>();
        var faults = Rewrite(path, input, output, references.Add);
        return new FileReport(path, references, faults);
    }

    /// <summary>As above for files of any length: each reference is told as it is found, and none is kept.</summary>
    /// <returns>What could not be read.</returns>
    public IReadOnlyList<FileFault> Rewrite(string path, Stream input, Stream? output, Action<FoundReference> onFound)
    {
        var faults = new List<FileFault>();
        using var start = new PeekedStream(input);
        var format = FileFormats.Of(path, start.Peek());
        foreach (var document in Documents(start, format))
        {
            var outcomes = EditPlan.Make(finder.Find(document, format, path, out var fault), changes);
            if (fault is not null)
            {
                faults.Add(new FileFault(path, document.Line + fault.Line - 1, fault.What));
            }

            foreach (var found in Describe(outcomes, document, path))
            {
                onFound(found);
            }

            if (output is not null)
            {
                Splicer.Write(document, EditPlan.Edits(outcomes), output);
            }
        }

        return faults;
    }

    private IEnumerable<Document> Documents(PeekedStream input, FileFormat format)
    {
        var reader = new DocumentReader(input, longLength);
        return format is FileFormat.Yaml or FileFormat.Json ? reader.Read() : [reader.ReadWhole()];
    }

    private static IEnumerable<FoundReference> Describe(List<PlaceOutcome> outcomes, Document document, string path)
    {
        var lines = new LineCounter(document.Bytes, document.Line);
        foreach (var outcome in outcomes.OrderBy(outcome => outcome.Place.Offset))
        {
            yield return new FoundReference(path, lines.LineOf(outcome.Place.Offset), outcome.Place.Kind, outcome.Place.Path)
            {
                Reference = outcome.Place.Reference,
                After = outcome.After,
                Result = outcome.Change.Result,
                Reason = outcome.Reason,
                Why = outcome.Why,
                IsChanged = outcome.IsChanged,
                MatchedName = outcome.Place.MatchedName,
                Edits = [.. outcome.Edits.Select(edit => new TextEdit(
                    document.Offset + edit.Offset,
                    lines.LineOf(edit.Offset),
                    Encoding.UTF8.GetString(document.Bytes.Span.Slice(edit.Offset, edit.Length)),
                    edit.Replacement))],
            };
        }
    }
}
