using System.Text;
using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Finders;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>Changes the references of files and nothing else: every other byte comes out as it went in.</summary>
public sealed class FileRewriter
{
    private readonly PlaceFinder finder;
    private readonly ReferenceChanges changes;
    private readonly int longLength;

    /// <param name="tables">The places.</param>
    /// <param name="changes">What becomes of references.</param>
    /// <param name="everywhere">Whether a reference that names its registry is changed wherever it stands.</param>
    /// <param name="charts">The chart that a file of values is for, by the file's path; it says which registries are meant that values leave open.</param>
    public FileRewriter(PlaceTables tables, ReferenceChanges changes, bool everywhere = false, Func<string, Chart?>? charts = null)
        : this(tables, changes, DocumentReader.LongLength, everywhere, charts)
    {
    }

    /// <param name="tables">The places.</param>
    /// <param name="changes">What becomes of references.</param>
    /// <param name="longLength">Lists from this length on are read item by item.</param>
    /// <param name="everywhere">As above.</param>
    /// <param name="charts">As above.</param>
    /// <param name="skips">Whether what can name no image is passed over unread.</param>
    internal FileRewriter(PlaceTables tables, ReferenceChanges changes, int longLength, bool everywhere = false, Func<string, Chart?>? charts = null, bool skips = true)
    {
        this.changes = changes;
        this.longLength = longLength;
        finder = new(tables, new RegistryFacts(tables, changes.Knows, changes.MeaningOf), everywhere, charts, skips);
    }

    /// <summary>Copies a file from one stream to another with its references changed.</summary>
    /// <param name="path">The file's name, which tells its format; <c>-</c> for standard input.</param>
    /// <param name="input">The file.</param>
    /// <param name="output">Where it goes; null to look only.</param>
    /// <exception cref="InvalidDataException">Something in it that must be held in one piece is too long.</exception>
    public FileReport Rewrite(string path, Stream input, Stream? output)
    {
        var references = new List<FoundReference>();
        var mentions = new List<FoundReference>();
        var faults = Rewrite(path, input, output, found => (found.IsMention ? mentions : references).Add(found));
        return new FileReport(path, references, faults) { Mentions = mentions };
    }

    /// <summary>As above for files of any length: each reference is told as it is found, and none is kept.</summary>
    /// <returns>What could not be read.</returns>
    public IReadOnlyList<FileFault> Rewrite(string path, Stream input, Stream? output, Action<FoundReference> onFound)
    {
        var faults = new List<FileFault>();
        using var start = new PeekedStream(input);
        var format = FileFormats.Of(path, start.Peek());
        if (start.HasAll && output is null && finder.IsWithout(start.Peek(), format))
        {
            return faults;
        }

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
                Texts = [.. Texts(outcome.Place).Select(text => new TextSpan(document.Offset + text.Offset, text.Length))],
                Added = outcome.Place.Insertion is { } added ? new AddedKey(document.Offset + added.Offset, added.Before, added.After) : null,
                Evidence = outcome.Place.Evidence,
                IsMention = outcome.Obstacle is { } obstacle && obstacle.IsMention(),
                Edits = [.. outcome.Edits.Select(edit => new TextEdit(
                    document.Offset + edit.Offset,
                    lines.LineOf(edit.Offset),
                    Encoding.UTF8.GetString(document.Bytes.Span.Slice(edit.Offset, edit.Length)),
                    edit.Replacement))],
            };
        }
    }

    private static IEnumerable<Edit> Texts(Place place) => new[] { place.Registry, place.Text }.OfType<EditableText>().Select(text => text.Span);
}
