using System.Globalization;
using System.Text;

namespace Millpond.Server.Store;

/// <summary>
/// The folder of everything kept, held by one server at a time. The lock is the kernel's (flock), so that it ends with the process,
/// however that ends.
/// </summary>
public sealed class DataFolder : IDisposable
{
    /// <summary>The layout of the folder that this program reads and writes. Raised when an older program could harm what a newer one wrote.</summary>
    public const int Format = 1;

    private const int NoSpace = 28;
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private readonly FileStream held;

    private DataFolder(string path, FileStream held)
    {
        Path = path;
        this.held = held;
    }

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Bytes by digest.</summary>
    public string StorePath => System.IO.Path.Join(Path, "store");

    /// <summary>Bytes that are still growing; on the same disk as the store, so that a finished one is only renamed.</summary>
    public string StagingPath => System.IO.Path.Join(Path, "staging");

    public string CatalogPath => System.IO.Path.Join(Path, "catalog");

    /// <summary>What is secret at rest.</summary>
    public string SecretsPath => System.IO.Path.Join(Path, "secrets");

    /// <summary>Whether nobody but the server's user can read what is kept; not where files are another user's.</summary>
    public bool IsPrivate { get; private set; }

    /// <summary>Which start of the machine this is, empty where it does not say: what was not flushed before another one may be lost.</summary>
    public string BootId { get; } = File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : "";

    private string OwnerPath => System.IO.Path.Join(Path, "lock.owner");

    private string FormatPath => System.IO.Path.Join(Path, "format");

    /// <summary>Makes the folder where there is none, and holds it until disposed.</summary>
    /// <exception cref="DataFolderException">It is no folder, cannot be written, is held by another server, or is of a newer format.</exception>
    public static DataFolder Open(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            // What is pulled may be private, so nobody else on the machine reads along.
            Directory.CreateDirectory(full, PrivateParts.FolderMode);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw File.Exists(full)
                ? new DataFolderException($"The data folder {full} is a file", "Name a folder in 'data' or --data", failure)
                : new DataFolderException($"The data folder {full} cannot be made: {Reason(failure)}", "Make it for this user, or name another in 'data' or --data", failure);
        }

        var folder = new DataFolder(full, Lock(full));
        try
        {
            folder.CheckFormat();
            folder.WriteOwner();
            folder.IsPrivate = PrivateParts.Make(folder.StorePath)
                & PrivateParts.Make(folder.StagingPath)
                & PrivateParts.Make(folder.CatalogPath)
                & PrivateParts.CloseIfAny(folder.SecretsPath);
            NativeMethods.SyncFolder(full);
            return folder;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            folder.Dispose();
            throw NotWritable(full, failure);
        }
        catch (DataFolderException)
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether the folder still takes files, for /readyz. A full disk does not count: pulls are then passed through.
    /// </summary>
    /// <param name="why">What is wrong, empty when nothing is.</param>
    public bool CheckWritable(out string why)
    {
        try
        {
            var probe = System.IO.Path.Join(StagingPath, $".probe-{Guid.NewGuid():N}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.Delete, bufferSize: 1, FileOptions.DeleteOnClose))
            {
                why = "";
                return true;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            why = (failure.HResult & 0xFFFF) == NoSpace ? "" : $"The data folder {Path} cannot be written: {Reason(failure)}";
            return why.Length == 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            File.Delete(OwnerPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It is only read by whoever finds the lock held.
        }

        held.Dispose();
    }

    private static FileStream Lock(string folder)
    {
        var path = System.IO.Path.Join(folder, "lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (IsHeld(path, failure))
        {
            var owner = ReadOwner(System.IO.Path.Join(folder, "lock.owner"));
            throw new DataFolderException(
                $"The data folder {folder} is in use by another millpond{owner}", "Stop that one, or give this one a folder of its own in 'data' or --data", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(folder, failure);
        }
    }

    /// <summary>.NET reports a lock that would block as EWOULDBLOCK (11 on Linux) in the exception's code.</summary>
    private static bool IsHeld(string path, IOException failure) =>
        File.Exists(path) && failure is not (FileNotFoundException or DirectoryNotFoundException) && (failure.HResult & 0xFFFF) is 11 or 32;

    private static string ReadOwner(string path)
    {
        try
        {
            var parts = File.ReadAllText(path).Split(' ', StringSplitOptions.TrimEntries);
            return parts.Length == 2 ? $" (process {parts[0]} on {parts[1]})" : "";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static DataFolderException NotWritable(string folder, Exception failure) =>
        new($"The data folder {folder} cannot be written: {Reason(failure)}", "Give this user the right to write there, make room, or name another in 'data' or --data", failure);

    private static string Reason(Exception failure) => failure.Message.TrimEnd('.');

    private void CheckFormat()
    {
        if (!File.Exists(FormatPath))
        {
            WriteFormat();
            return;
        }

        var text = File.ReadAllText(FormatPath).Trim();
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var format) || format < 1)
        {
            throw new DataFolderException($"The file {FormatPath} holds no format's number", "Restore the folder from a copy, or name another in 'data' or --data");
        }

        if (format > Format)
        {
            throw new DataFolderException(
                $"The data folder {Path} has format {format}, and this millpond knows formats up to {Format}", "Run the newer millpond that wrote it, or name another folder");
        }
    }

    /// <summary>By renaming a whole file: a half-written number after a power cut would keep the server from starting.</summary>
    private void WriteFormat()
    {
        var unfinished = FormatPath + ".new";
        using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write))
        {
            file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Format}\n")));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, FormatPath, overwrite: true);
    }

    /// <summary>In a file beside the lock, which nobody else can open while it is held.</summary>
    private void WriteOwner()
    {
        try
        {
            File.WriteAllText(OwnerPath, string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId} {Environment.MachineName}\n"));
        }
        catch (IOException)
        {
            // A full disk: the message to a second server is then shorter.
        }
    }
}
