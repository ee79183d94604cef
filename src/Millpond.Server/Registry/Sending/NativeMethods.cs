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

    /// <summary>Has the kernel move bytes from a file to a socket: how many went, 0 at the file's end, -1 with an error number.</summary>
    [LibraryImport("libc", EntryPoint = "sendfile", SetLastError = true)]
    public static partial nint SendFile(SafeHandle socket, SafeFileHandle file, ref long offset, nint count);
}
