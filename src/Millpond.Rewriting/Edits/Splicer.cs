using System.Text;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>Writes a document with its edits; what is between them is copied.</summary>
internal static class Splicer
{
    /// <param name="edits">In order, without overlaps.</param>
    public static void Write(ReadOnlySpan<byte> document, IReadOnlyList<Edit> edits, Stream output)
    {
        var at = 0;
        foreach (var edit in edits)
        {
            output.Write(document[at..edit.Offset]);
            output.Write(Encoding.UTF8.GetBytes(edit.Replacement));
            at = edit.Offset + edit.Length;
        }

        output.Write(document[at..]);
    }
}
