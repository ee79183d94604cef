using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Millpond.Server.Registry.Sending;

/// <summary>What .NET has no call for: it sends a whole file by its path, or by an object for each answer.</summary>
internal static partial class NativeMethods
{
    /// <summary>EINTR, EAGAIN and EINVAL, the same numbers on every Linux that .NET runs on.</summary>
    public const int Interrupted = 4;

    /// <inheritdoc cref="Interrupted"/>
    public const int WouldBlock = 11;

    /// <inheritdoc cref="Interrupted"/>
    public const int InvalidArgument = 22;

    /// <summary>MSG_DONTWAIT, MSG_NOSIGNAL and MSG_MORE: what follows goes into the same packet.</summary>
    private const int AtOnceWithMore = 0x40 | 0x4000 | 0x8000;

    /// <summary>Has the kernel move bytes from a file to a socket: how many went, 0 at the file's end, -1 with an error number.</summary>
    [LibraryImport("libc", EntryPoint = "sendfile", SetLastError = true)]
    public static partial nint SendFile(SafeHandle socket, SafeFileHandle file, ref long offset, nint count);

    /// <summary>Has the kernel hold bytes back for those that follow at once: how many it took, -1 with an error number.</summary>
    public static nint SendWithMore(SafeHandle socket, ReadOnlySpan<byte> bytes) => Send(socket, bytes, bytes.Length, AtOnceWithMore);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(SafeHandle socket, ReadOnlySpan<byte> bytes, nint count, int flags);
}
