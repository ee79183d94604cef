using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// The last look at a document, as bytes: references that name their registry where no reader of nodes has been: keys, expressions of
/// Terraform, lines of a Dockerfile, documents that cannot be read.
/// </summary>
internal sealed class RawEvidence(DocumentFinders finders)
{
    /// <param name="layer">The document.</param>
    /// <param name="format">What its comments look like.</param>
    /// <param name="looked">What has been looked at already.</param>
    /// <param name="imposed">Why everything in it stays, where it does.</param>
    public void Find(Layer layer, FileFormat format, IReadOnlyList<(int Start, int End)> looked, Obstacle? imposed)
    {
        var text = layer.Bytes.Span;
        var slashes = format is FileFormat.Hcl or FileFormat.Json or FileFormat.Lines;
        var at = 0;
        while (ReferenceScanner.TryFind(text, ref at, finders.Facts, out var token))
        {
            if (finders.Collector.IsSettled(token.Start) || IsIn(looked, token.Start) || LineContext.IsComment(text, token.Start, slashes))
            {
                continue;
            }

            var name = LineContext.NameBefore(text, token.Start);
            var says = (ImageKeys.Says(name) || token.Scheme == TokenScheme.Docker) && !token.IsPartial;
            if (!says && !token.IsPinned)
            {
                continue;
            }

            var kind = !says ? PlaceKind.Text : name.StartsWith('-') ? PlaceKind.Argument : PlaceKind.ImageKey;
            var reference = WideText.FromBytes(text[token.Start..token.Whole]);
            var obstacle = imposed ?? finders.Tables.MentionOf(name) ?? (finders.Tables.IsArtifact(reference) ? Obstacle.Artifact : (Obstacle?)null)
                ?? (token.IsPartial ? Obstacle.Placeholder
                    : token.Scheme == TokenScheme.Oci && !says ? Obstacle.Artifact
                    : says ? (Obstacle?)null : Obstacle.UnknownPlace);
            finders.Collector.AddNamed(
                kind, name.Length > 0 ? Trail.Root.At(name) : Trail.Root, EditableText.Of(layer, token.Start, token.End),
                reference, token.Start, obstacle);
        }
    }

    private static bool IsIn(IReadOnlyList<(int Start, int End)> looked, int offset)
    {
        // Scalars come in the document's order, each behind the one before.
        var (low, high) = (0, looked.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (offset < looked[middle].Start)
            {
                high = middle - 1;
            }
            else if (offset >= looked[middle].End)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }
}
