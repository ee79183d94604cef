using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Millpond.Cli.Files;

/// <summary>What .NET has no call for: what kind of thing a name leads to, where that is, and whose.</summary>
internal static partial class NativeMethods
{
    /// <summary>AT_FDCWD: paths are from the current folder.</summary>
    public const int CurrentFolder = -100;

    /// <summary>AT_SYMLINK_NOFOLLOW.</summary>
    public const int DoNotFollow = 0x100;

    /// <summary>AT_EMPTY_PATH: the descriptor itself.</summary>
    public const int Itself = 0x1000;

    /// <summary>STATX_BASIC_STATS.</summary>
    public const uint Basics = 0x7ff;

    /// <summary>The only one of its family whose structure is the same on every processor.</summary>
    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(int folder, string path, int flags, uint mask, ref byte status);

    /// <param name="path">Whose last part and folders may be links.</param>
    /// <param name="resolved">Room for PATH_MAX bytes.</param>
    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial IntPtr Realpath(string path, ref byte resolved);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    public static partial int Fchown(SafeFileHandle file, uint user, uint group);
}
