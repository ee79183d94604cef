using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millpond.Server.Admission;

/// <summary>What annotations hold. Questions are read as raw JSON, answers are written by <see cref="AdmissionAnswer"/>.</summary>
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class AdmissionJson : JsonSerializerContext
{
    public static JavaScriptEncoder Encoder => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>With as few escapes as JSON allows: people read annotations, and API servers may compare a patch's <c>test</c> byte by byte.</summary>
    public static AdmissionJson Plain { get; } = new(new JsonSerializerOptions
    {
        Encoder = Encoder,
    });
}
