using Millpond.Cli.Files;
using Millpond.Rewriting.Records;

namespace Millpond.Cli.Editing;

/// <summary>
/// The file of <c>--record</c>. It is written before the first file is changed, and added to by later runs: without it the originals
/// would be lost.
/// </summary>
internal sealed class RecordFile
{
    // EWOULDBLOCK of Linux: another process has the lock. EEXIST: it has just made the file.
    private const int WouldBlock = 11;
    private const int Exists = 17;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FileInfo file;
    private readonly string registry;

    private RecordFile(FileInfo file, string registry)
    {
        this.file = file;
        this.registry = registry;
    }

    /// <summary>The record that is there, or a new one. What keeps it from being written is found before anything is changed.</summary>
    /// <exception cref="CommandFailedException">What is there is no record, or there is no place for it.</exception>
    public static RecordFile Open(FileInfo file, string registry)
    {
        if (file.Directory is { Exists: false } folder)
        {
            throw new CommandFailedException($"--record {file}: there is no folder {folder.FullName}; make it first.");
        }

        Guard(file, () => KeptFile.Refuse(file.FullName));
        FileReplacement.RemoveLeftovers(file.FullName);
        var record = new RecordFile(file, registry);
        record.Known();
        return record;
    }

    /// <exception cref="CommandFailedException">It is not there, or no record.</exception>
    public static RewriteRecord Load(FileInfo file)
    {
        try
        {
            using var input = InputFile.Open(file.FullName);
            return RewriteRecord.Load(input);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"--record {file}: {(Directory.Exists(file.FullName) ? "It is a folder." : e.Message)}", e);
        }
    }

    /// <summary>Adds what a run changed to what is there by now; the file is replaced at once.</summary>
    /// <exception cref="CommandFailedException">It cannot be written.</exception>
    public void Save(IEnumerable<RecordedFile> changed)
    {
        Guard(file, () =>
        {
            using var turn = TakeTurn();
            KeptFile.Refuse(file.FullName);
            FileReplacement.Write(file.FullName, Known().With(changed).Save);
        });
    }

    private static void Guard(FileInfo file, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"--record {file}: it cannot be written: {e.Message}", e);
        }
    }

    private RewriteRecord Known() => File.Exists(file.FullName) || Directory.Exists(file.FullName)
        ? Load(file)
        : new RewriteRecord(RewriteRecord.CurrentVersion, registry, []);

    /// <summary>Runs at the same time (make -j, xargs -P) add one after the other, or one would lose the originals of another.</summary>
    private Turn TakeTurn()
    {
        Turn? turn = null;
        var path = $"{file.FullName}.lock";
        return SpinWait.SpinUntil(() => (turn = TryLock(path)) is not null, Patience)
            ? turn!
            : throw new CommandFailedException($"--record {file}: another millpond holds {path}; nothing was changed. Try again when it has ended.");
    }

    // The system lets go of it when a process dies; the file may stay behind and harms nothing.
    private static Turn? TryLock(string path)
    {
        try
        {
            // One that was removed or replaced meanwhile is not taken, and closing it removes nothing: another may hold the new one by now.
            return new Turn(KeptFile.Open(path, FileShare.None), path);
        }
        catch (IOException failure) when ((failure.HResult & 0xFFFF) is WouldBlock or Exists || failure is FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The lock while it is held: only its holder removes the file, and before it lets go.</summary>
    private sealed class Turn(FileStream held, string path) : IDisposable
    {
        public void Dispose()
        {
            File.Delete(path);
            held.Dispose();
        }
    }
}
