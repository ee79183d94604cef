using System.Text.Json.Serialization;

namespace Millpond.Server.Store;

/// <summary>The sidecar of an upload: whose it is, and how far its bytes can be trusted after a crash.</summary>
/// <param name="Repository">The repository it is pushed to.</param>
/// <param name="BootId">Under the same boot the page cache survived, so the whole file is good; under another only <paramref name="Flushed"/> bytes are.</param>
/// <param name="Flushed">Bytes that were synced to disk.</param>
public sealed record UploadNote(string Repository, string BootId, long Flushed);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(UploadNote))]
internal sealed partial class UploadJson : JsonSerializerContext;
