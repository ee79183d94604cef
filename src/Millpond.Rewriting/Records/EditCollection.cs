using System.Collections;
using System.Text;

namespace Millpond.Rewriting.Records;

/// <summary>
/// The edits of one file. A list of a large cluster has tens of thousands, and a record holds them for as long as the whole file is read
/// over and again: their texts are packed, and a text is made when it is asked for.
/// </summary>
public sealed class EditCollection : ICollection<RecordedEdit>, IReadOnlyList<RecordedEdit>
{
    private const int SmallestChunk = 256;
    private const int LargestChunk = 64 * 1024;

    private readonly List<Row> rows = [];
    private readonly List<byte[]> chunks = [];
    private int used;

    public int Count => rows.Count;

    bool ICollection<RecordedEdit>.IsReadOnly => false;

    public RecordedEdit this[int index]
    {
        get
        {
            var row = rows[index];
            var texts = chunks[row.Chunk].AsSpan(row.Start);
            return new RecordedEdit(
                row.Line,
                Encoding.UTF8.GetString(texts[..row.Place]),
                row.Offset,
                Encoding.UTF8.GetString(texts.Slice(row.Place, row.Original)),
                Encoding.UTF8.GetString(texts.Slice(row.Place + row.Original, row.Replacement)));
        }
    }

    /// <exception cref="FormatException">There is none.</exception>
    public void Add(RecordedEdit item)
    {
        var (place, original, replacement) = item is null
            ? throw new FormatException("The record has an edit that says nothing.")
            : (Length(item.Place), Length(item.Original), Length(item.Replacement));
        var texts = Room(place + original + replacement);
        rows.Add(new Row(item.Offset, item.Line, chunks.Count - 1, used, place, original, replacement));
        Encoding.UTF8.GetBytes(item.Place, texts);
        Encoding.UTF8.GetBytes(item.Original, texts[place..]);
        Encoding.UTF8.GetBytes(item.Replacement, texts[(place + original)..]);
        used += place + original + replacement;
    }

    /// <summary>In the order of the file, each once: a key that several references share is recorded with the first of them.</summary>
    public EditCollection InOrder()
    {
        if (IsInOrder())
        {
            return this;
        }

        var ordered = new EditCollection();
        var same = new List<RecordedEdit>();
        foreach (var index in Enumerable.Range(0, rows.Count).OrderBy(index => rows[index].Offset))
        {
            var edit = this[index];
            if (same is [var first, ..] && first.Offset != edit.Offset)
            {
                same.Clear();
            }

            if (!same.Exists(other => other.Original == edit.Original && other.Replacement == edit.Replacement))
            {
                same.Add(edit);
                ordered.Add(edit);
            }
        }

        return ordered;
    }

    public IEnumerator<RecordedEdit> GetEnumerator()
    {
        for (var i = 0; i < rows.Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    void ICollection<RecordedEdit>.Clear() => throw new NotSupportedException();

    bool ICollection<RecordedEdit>.Contains(RecordedEdit item) => this.Any(edit => edit == item);

    void ICollection<RecordedEdit>.CopyTo(RecordedEdit[] array, int arrayIndex)
    {
        foreach (var edit in this)
        {
            array[arrayIndex++] = edit;
        }
    }

    bool ICollection<RecordedEdit>.Remove(RecordedEdit item) => throw new NotSupportedException();

    private static int Length(string text) => Encoding.UTF8.GetByteCount(text);

    private bool IsInOrder()
    {
        for (var i = 1; i < rows.Count; i++)
        {
            if (rows[i].Offset <= rows[i - 1].Offset)
            {
                return false;
            }
        }

        return true;
    }

    // One edit's texts are in one chunk. Most files have a few edits, so the first chunks are small.
    private Span<byte> Room(int length)
    {
        if (chunks is not [.., var last] || last.Length - used < length)
        {
            var usual = Math.Clamp(2 * (chunks is [.., var before] ? before.Length : 0), SmallestChunk, LargestChunk);
            chunks.Add(new byte[Math.Max(usual, length)]);
            used = 0;
        }

        return chunks[^1].AsSpan(used);
    }

    private readonly record struct Row(long Offset, int Line, int Chunk, int Start, int Place, int Original, int Replacement);
}
