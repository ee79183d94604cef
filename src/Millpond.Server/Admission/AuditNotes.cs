using System.Text;
using Millpond.Images;

namespace Millpond.Server.Admission;

/// <summary>Why each image was rewritten or not, for the API server's audit log: the commonest question of all.</summary>
internal sealed class AuditNotes
{
    /// <summary>For people; a pod of hundreds of containers need not fill the log.</summary>
    private const int LongestText = 4096;

    private readonly StringBuilder rewritten = new();
    private readonly StringBuilder unchanged = new();
    private bool areOriginalsLost;

    public void Rewritten(PodImage image, RewriteResult result) => Append(rewritten, $"{image.Owner}={image.Reference}->{result.Reference} ({result.Reason.Code()})");

    public void Unchanged(PodImage image, string reason) => Append(unchanged, $"{image.Owner}={reason}");

    public void OriginalsNotKept() => areOriginalsLost = true;

    public IReadOnlyDictionary<string, string> ToAnnotations()
    {
        var annotations = new Dictionary<string, string>();
        if (rewritten.Length > 0)
        {
            annotations["rewritten"] = rewritten.ToString();
        }

        if (unchanged.Length > 0)
        {
            annotations["unchanged"] = unchanged.ToString();
        }

        if (areOriginalsLost)
        {
            annotations["originals"] = "not-kept";
        }

        return annotations;
    }

    private static void Append(StringBuilder text, string note)
    {
        if (text.Length + note.Length <= LongestText)
        {
            text.Append(text.Length == 0 ? "" : ", ").Append(note);
        }
        else if (text.Length == 0 || text[^1] != '…')
        {
            text.Append('…');
        }
    }
}
