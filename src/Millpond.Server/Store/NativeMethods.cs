using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Millpond.Server.Store;

/// <summary>What .NET has no call for: it refuses to open a folder, and a rename is durable only after its folder was synced.</summary>
internal static partial class NativeMethods
{
    /// <summary>O_RDONLY. Not O_DIRECTORY with it, whose number differs between processors: on 64-bit ARM the one of x64 means O_DIRECT.</summary>
    private const int OpenFolder = 0;

    /// <summary>FALLOC_FL_KEEP_SIZE: blocks are reserved, the file's length stays what was written.</summary>
    private const int KeepSize = 1;

    /// <summary>AT_EMPTY_PATH: the open file itself.</summary>
    private const int EmptyPath = 0x1000;

    /// <summary>STATX_NLINK.</summary>
    private const uint NameCount = 0x4;

    /// <summary>STATX_SIZE.</summary>
    private const uint Size = 0x200;

    /// <summary>POSIX_FADV_DONTNEED, on x64 and 64-bit ARM.</summary>
    private const int DoNotNeed = 4;

    /// <summary>Gives pages of a file that were read back to the system: a hint, which it may leave.</summary>
    public static void Drop(SafeFileHandle file, long offset, long length) => _ = Fadvise(file, offset, length, DoNotNeed);

    /// <summary>Reserves a file's blocks; false where the disk has not that many, or its file system cannot.</summary>
    public static bool TryReserve(SafeFileHandle file, long size) => Fallocate(file, KeepSize, 0, size) == 0;

    /// <summary>Syncs a folder's entries to disk.</summary>
    /// <exception cref="IOException">The folder cannot be opened or synced.</exception>
    public static void SyncFolder(string path)
    {
        using var handle = new SafeFileHandle(Open(path, OpenFolder), ownsHandle: true);
        if (handle.IsInvalid || Fsync(handle) != 0)
        {
            throw new IOException($"The folder '{path}' could not be synced to disk: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>How many names an open file has, and its length; false where the system does not say.</summary>
    public static unsafe bool TryLook(SafeFileHandle file, out uint links, out long length)
    {
        // struct statx is the same on every processor: 256 bytes, stx_nlink at 16, stx_size at 40.
        Span<byte> status = stackalloc byte[256];
        fixed (byte* at = status)
        {
            if (Statx(file, "", EmptyPath, NameCount | Size, at) != 0)
            {
                (links, length) = (0, 0);
                return false;
            }
        }

        links = BitConverter.ToUInt32(status[16..]);
        length = BitConverter.ToInt64(status[40..]);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(SafeFileHandle file, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "posix_fadvise", SetLastError = true)]
    private static partial int Fadvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);
}
