using System.Text;
using Millpond.Rewriting.Finders;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Edits;

/// <summary>Changes the references of files and nothing else: every other byte comes out as it went in.</summary>
public sealed class FileRewriter(PlaceTables tables, ReferenceChanges changes)
{
    private readonly PlaceFinder finder = new(tables, changes.MeaningOf);

    /// <summary>Copies a file from one stream to another with its references changed.</summary>
    /// <param name="path">The file's name, which tells its format; <c>-</c> for standard input.</param>
    /// <param name="input">The file.</param>
    /// <param name="output">Where it goes; null to look only.</param>
    public FileReport Rewrite(string path, Stream input, Stream? output)
    {
        var references = new List<FoundReference>();
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

            references.AddRange(Describe(outcomes, document, path));
            if (output is not null)
            {
                Splicer.Write(document.Bytes.Span, EditPlan.Edits(outcomes), output);
            }
        }

        return new FileReport(path, references, faults);
    }

    private static IEnumerable<Document> Documents(PeekedStream input, FileFormat format)
    {
        if (format == FileFormat.Yaml)
        {
            return new DocumentReader(input).Read();
        }

        using var whole = new MemoryStream((int)Math.Min(input.KnownLength ?? 0, DocumentReader.MaxDocument));
        input.CopyTo(whole);
        return [new Document(whole.GetBuffer().AsMemory(0, (int)whole.Length), 0, 1, true)];
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
