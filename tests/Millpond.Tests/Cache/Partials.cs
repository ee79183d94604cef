using System.Text.Json;
using Millpond.Server.Catalog;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Partial downloads as a server that was killed leaves them.</summary>
internal static class Partials
{
    /// <param name="upstream">Where it came from; null where nobody knows.</param>
    /// <param name="data">The data folder, of which no server holds the lock.</param>
    public static void Leave(string data, TestBlob blob, long written, long? size, string repository, Action<byte[]>? damage = null, FakeUpstream? upstream = null)
    {
        using var folder = DataFolder.Open(data);
        var path = Path.Join(folder.StagingPath, $"{blob.Digest.Algorithm}-{blob.Digest.Hex}");
        var bytes = new byte[written];
        blob.Read(0, bytes.AsSpan(0, (int)Math.Min(written, blob.Length)));
        damage?.Invoke(bytes);
        File.WriteAllBytes(path, bytes);
        var note = new StagingNote(blob.Digest.ToString(), size, "up", repository, folder.BootId, written, upstream is null ? 0 : Origin.Of(upstream.Address, null, null).Id);
        File.WriteAllText(path + ".json", JsonSerializer.Serialize(note, JsonSerializerOptions.Web));
    }
}
