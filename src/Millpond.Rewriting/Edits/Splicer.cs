using System.Text;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>Writes a document with its edits; what is between them is copied.</summary>
internal static class Splicer
{
    /// <param name="document">What stands in the file of it is written.</param>
    /// <param name="edits">In order, without overlaps.</param>
    /// <param name="output">Where it goes.</param>
    public static void Write(Document document, IReadOnlyList<Edit> edits, Stream output)
    {
        var bytes = document.Bytes.Span;
        var at = document.Lead;
        foreach (var edit in edits)
        {
            output.Write(bytes[at..edit.Offset]);
            output.Write(Encoding.UTF8.GetBytes(edit.Replacement));
            at = edit.Offset + edit.Length;
        }

        output.Write(bytes[at..^document.Added]);
    }
}
