using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millpond.Server.Store;

/// <summary>The sidecar of a partial download: what it is, whose it is, and how far it can be trusted after a crash.</summary>
/// <param name="Digest">Of the whole blob.</param>
/// <param name="Size">Of the whole blob in bytes; null where nobody said it.</param>
/// <param name="Rule">The prefix of the rule it comes from.</param>
/// <param name="Repository">The repository here it was pulled for.</param>
/// <param name="Origin">Which upstream, as whom, it comes from (<c>Catalog.Origin</c>); 0 where several brought it, or an older program noted it.</param>
/// <param name="BootId">Under the same boot the page cache survived, so the whole file is good; under another only <paramref name="Flushed"/> bytes are.</param>
/// <param name="Flushed">Bytes that were synced to disk.</param>
public sealed record StagingNote(string Digest, long? Size, string Rule, string Repository, string BootId, long Flushed, long Origin = 0)
{
    /// <summary>The note beside a partial download; null where there is none that can be read.</summary>
    internal static StagingNote? TryRead(string stagingPath)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(BlobStore.NotePath(stagingPath)), StoreJson.Default.StagingNote);
        }
        catch (Exception unreadable) when (unreadable is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(StagingNote))]
internal sealed partial class StoreJson : JsonSerializerContext;
