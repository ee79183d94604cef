using System.Text.Json;

namespace Millpond.Server.Store;

/// <summary>
/// The bytes of pushes on their way, a file for each upload under the name of the upload and not of a digest, which nobody knows yet. Beside
/// the partial downloads, and not among them.
/// </summary>
public sealed class UploadFiles
{
    private readonly string folder;
    private readonly string bootId;
    private readonly BlobStore store;

    internal UploadFiles(string folder, string bootId, BlobStore store)
    {
        this.folder = folder;
        this.bootId = bootId;
        this.store = store;
        PrivateParts.Make(folder);
    }

    /// <summary>An upload without a byte; its file is made for the first.</summary>
    public UploadFile Begin(string id, string repository) =>
        new(store, Path.Join(folder, id), new UploadNote(repository, bootId, 0), written: 0);

    /// <summary>Uploads that an earlier run left, as far as their bytes can be trusted. What belongs to none is deleted.</summary>
    public IReadOnlyList<(string Id, string Repository, DateTimeOffset WrittenAt, UploadFile File)> TakeUp()
    {
        var found = new List<(string, string, DateTimeOffset, UploadFile)>();
        foreach (var file in new DirectoryInfo(folder).GetFiles())
        {
            if (file.Name.Contains('.'))
            {
                if (file.Name.EndsWith(".new", StringComparison.Ordinal) || !File.Exists(Path.Join(folder, file.Name[..file.Name.IndexOf('.')])))
                {
                    UploadFile.TryDelete(file.FullName);
                }
            }
            else if (TryOpen(file) is { } taken)
            {
                found.Add((file.Name, taken.Repository, new DateTimeOffset(file.LastWriteTimeUtc), taken));
            }
            else
            {
                UploadFile.TryDelete(file.FullName);
                UploadFile.TryDelete(UploadFile.NotePath(file.FullName));
            }
        }

        return found;
    }

    private UploadFile? TryOpen(FileInfo file)
    {
        try
        {
            var note = JsonSerializer.Deserialize(File.ReadAllBytes(UploadFile.NotePath(file.FullName)), UploadJson.Default.UploadNote);
            if (note is null)
            {
                return null;
            }

            // Under another boot only what was flushed is sure to be there.
            var trusted = note.BootId.Length > 0 && note.BootId == bootId ? file.Length : Math.Min(file.Length, note.Flushed);
            return trusted == 0 ? null : new UploadFile(store, file.FullName, note with { BootId = bootId }, trusted);
        }
        catch (Exception unreadable) when (unreadable is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
