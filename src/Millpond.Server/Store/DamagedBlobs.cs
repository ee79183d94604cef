using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>
/// Pushed blobs whose bytes are not what their digest says: nobody else has them, so that they are not thrown away, and never served. They stay
/// until the blob is stored again.
/// </summary>
public sealed class DamagedBlobs
{
    private readonly string folder;
    private readonly Func<Digest, string?> find;

    /// <param name="find">Where a blob's file is in the store; null where it is not.</param>
    internal DamagedBlobs(string folder, Func<Digest, string?> find)
    {
        this.folder = folder;
        this.find = find;
    }

    /// <summary>Those that are not stored again.</summary>
    public IReadOnlyList<Digest> List() => [.. All().Where(digest => find(digest) is null)];

    /// <summary>Throws those away that are stored again.</summary>
    public void Sweep()
    {
        foreach (var digest in All().Where(digest => find(digest) is not null))
        {
            StoreFiles.TryDelete(new FileInfo(PathOf(digest)));
        }
    }

    internal bool TryTake(Digest digest)
    {
        try
        {
            Directory.CreateDirectory(folder, PrivateParts.FolderMode);
            File.Move(find(digest) ?? "", PathOf(digest), overwrite: true);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    private IEnumerable<Digest> All()
    {
        try
        {
            return [.. Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Select(Parse).OfType<Digest>() : []];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Digest? Parse(string path) => Digest.TryParse(Path.GetFileName(path).Replace('-', ':'), out var digest) ? digest : null;

    private string PathOf(Digest digest) => Path.Join(folder, $"{digest.Algorithm}-{digest.Hex}");
}
