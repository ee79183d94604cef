using System.Text;
using Millpond.Images;
using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Records;

/// <summary>
/// Looks whether a record says only what a rewriting can have done. A record is a file that anybody may have written: what it puts back
/// has to stand where references are found, be one, and be of the same image, both in the file as it is and in what would become of it.
/// </summary>
/// <param name="tables">The places.</param>
/// <param name="changes">What names the cache stands for.</param>
/// <param name="charts">As for <see cref="FileRewriter"/>.</param>
public sealed class RecordedPlaces(PlaceTables tables, ReferenceChanges changes, Func<string, Chart?>? charts = null)
{
    private readonly FileRewriter finder = new(tables, changes, charts: charts);

    /// <summary>The first edit that is not a rewriting's; null where all are.</summary>
    /// <param name="step">One rewriting of the file, which has been found to lead from one content to the other.</param>
    /// <param name="path">The file's name, which tells its format.</param>
    /// <param name="before">The file as it was.</param>
    /// <param name="after">The file as the rewriting left it.</param>
    public RecordedEdit? FirstForeign(RecordedFile step, string path, Stream before, Stream after)
    {
        var was = new Stretches(step.Edits, isBefore: true);
        var now = new Stretches(step.Edits, isBefore: false);
        finder.Rewrite(path, before, null, was.Add);
        finder.Rewrite(path, after, null, now.Add);
        for (var i = 0; i < step.Edits.Count; i++)
        {
            // A key that was added stands in no text that was there before.
            var edit = step.Edits[i];
            var isRewriting = edit.Original.Length == 0 ? was.IsAddedKey(i) : was.EndingOf(i) is { } ending && ending == now.EndingOf(i);
            if (!isRewriting)
            {
                return edit;
            }
        }

        return null;
    }

    /// <summary>Whether both texts are references to an image of the same name: all that can be said where the file is another by now.</summary>
    public static bool AreAlike(RecordedEdit edit) =>
        ImageReference.TryParse(edit.Original, out _) && ImageReference.TryParse(edit.Replacement, out _) && EndingOf(edit.Original) == EndingOf(edit.Replacement);

    // The image's own name with tag and digest, which no rewriting changes.
    private static string EndingOf(string reference) => reference[(reference.LastIndexOf('/') + 1)..];

    /// <summary>The stretches of one content that a record is about, with what was found there. No longer than the record, however long the file.</summary>
    private sealed class Stretches
    {
        private readonly EditCollection edits;
        private readonly long[] starts;
        private readonly int[] lengths;
        private readonly int?[] endings;
        private readonly bool[] addedKeys;

        public Stretches(EditCollection edits, bool isBefore)
        {
            this.edits = edits;
            (starts, lengths, endings, addedKeys) = (new long[edits.Count], new int[edits.Count], new int?[edits.Count], new bool[edits.Count]);
            var shift = 0L;
            for (var i = 0; i < edits.Count; i++)
            {
                // Offsets are those of the content before; what comes after has moved by the lengths of what was changed until there.
                var edit = edits[i];
                var text = isBefore ? edit.Original : edit.Replacement;
                // A rewriting may have to put quotes around what stood without.
                var quotes = text is ['"', _, .., '"'] ? 1 : 0;
                starts[i] = edit.Offset + (isBefore ? 0 : shift) + quotes;
                lengths[i] = Encoding.UTF8.GetByteCount(text) - (2 * quotes);
                shift += isBefore ? 0 : Encoding.UTF8.GetByteCount(text) - Encoding.UTF8.GetByteCount(edit.Original);
            }
        }

        public void Add(FoundReference found)
        {
            if (found.Added is { } key)
            {
                AddKey(key);
            }

            foreach (var text in found.Result.Reason == RewriteReason.InvalidReference ? [] : found.Texts)
            {
                for (var i = FirstFrom(text.Offset); i < starts.Length && starts[i] + lengths[i] <= text.Offset + text.Length; i++)
                {
                    endings[i] ??= RecordedPlaces.EndingOf(found.Reference).GetHashCode(StringComparison.Ordinal);
                }
            }
        }

        /// <summary>Stands for the end of the reference that this stretch is all within; null where it is within none.</summary>
        public int? EndingOf(int index) => endings[index];

        public bool IsAddedKey(int index) => addedKeys[index];

        private void AddKey(AddedKey key)
        {
            for (var i = FirstFrom(key.Offset); i < starts.Length && starts[i] == key.Offset; i++)
            {
                var text = edits[i].Replacement;
                addedKeys[i] |= text.Length > key.Before.Length + key.After.Length
                    && text.StartsWith(key.Before, StringComparison.Ordinal)
                    && text.EndsWith(key.After, StringComparison.Ordinal)
                    && ImageReference.TryParse(text[key.Before.Length..^key.After.Length], out _);
            }
        }

        private int FirstFrom(long offset)
        {
            var index = Array.BinarySearch(starts, offset);
            index = index < 0 ? ~index : index;
            while (index > 0 && starts[index - 1] == offset)
            {
                index--;
            }

            return index;
        }
    }
}
