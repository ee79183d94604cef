using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millpond.Server.Admission;

/// <summary>The answer's side of admission.k8s.io/v1; the question's side is read as raw JSON.</summary>
[JsonSerializable(typeof(ReviewAnswer))]
[JsonSerializable(typeof(IReadOnlyList<PatchOperation>))]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(string))]
internal sealed partial class AdmissionJson : JsonSerializerContext
{
    /// <summary>With as few escapes as JSON allows: people read annotations, and API servers may compare a patch's <c>test</c> byte by byte.</summary>
    public static AdmissionJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

internal sealed record ReviewAnswer(string ApiVersion, string Kind, ReviewResponse Response);

/// <param name="PatchType">Left out with <paramref name="Patch"/> where nothing changes: one without the other fails the request.</param>
/// <param name="Patch">The JSON patch's bytes, in base64 on the wire.</param>
internal sealed record ReviewResponse(string Uid, bool Allowed, string? PatchType, byte[]? Patch, IReadOnlyDictionary<string, string>? AuditAnnotations);
