using System.Text;
using System.Text.Json;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Server.Admission;

/// <summary>
/// Looks at objects that are no Pods (Deployments, Jobs, custom resources with a Pod's specification) with the finder of the command line, and
/// says for the audit log which of their images are not pulled through the cache. Nothing in them is changed: whoever applies them again
/// would find them different for ever.
/// </summary>
internal sealed class ObjectAudit
{
    public const string Audited = "audited";

    /// <summary>For people; an object of hundreds of images need not fill the log.</summary>
    private const int LongestText = 4096;

    /// <summary>By its ending the finder takes it for JSON.</summary>
    private const string AsJson = "object.json";

    private readonly Lazy<FileRewriter> finder;

    public ObjectAudit(RewriteRules rules, RegistryAddress registry) =>
        finder = new(() => new FileRewriter(PlaceTables.Default, ReferenceChanges.Rewriting(rules, registry)));

    /// <summary>What the object names; null where it names no image.</summary>
    public PodVerdict? Look(JsonElement reviewed)
    {
        using var bytes = new MemoryStream(Encoding.UTF8.GetBytes(reviewed.GetRawText()));
        var found = finder.Value.Rewrite(AsJson, bytes, null).References;
        if (found.Count == 0)
        {
            return null;
        }

        var audit = new Dictionary<string, string>();
        Note(audit, "would-rewrite", found.Where(reference => reference.IsChanged).Select(reference => $"{reference.Path}={reference.Reference}"));
        Note(audit, "not-covered", found
            .Where(reference => !reference.IsChanged && reference.Result.Reason != RewriteReason.AlreadyInCache)
            .Select(reference => $"{reference.Path}={reference.Reference} ({reference.Reason})"));
        return new PodVerdict(Audited, [], audit);
    }

    private static void Note(Dictionary<string, string> audit, string key, IEnumerable<string> notes)
    {
        var text = new StringBuilder();
        foreach (var note in notes)
        {
            if (text.Length + note.Length > LongestText)
            {
                text.Append('…');
                break;
            }

            text.Append(text.Length == 0 ? "" : ", ").Append(note);
        }

        if (text.Length > 0)
        {
            audit[key] = text.ToString();
        }
    }
}
