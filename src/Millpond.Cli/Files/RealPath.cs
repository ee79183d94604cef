using System.Runtime.InteropServices;
using System.Text;

namespace Millpond.Cli.Files;

/// <summary>Where a name really leads, with every link on the way followed: of the file and of the folders above it.</summary>
internal static class RealPath
{
    private const int MostBytes = 4096;

    /// <summary>Null where nothing is there.</summary>
    public static string? Of(string path)
    {
        Span<byte> resolved = stackalloc byte[MostBytes];
        return NativeMethods.Realpath(path, ref MemoryMarshal.GetReference(resolved)) == IntPtr.Zero
            ? null
            : Encoding.UTF8.GetString(resolved[..resolved.IndexOf((byte)0)]);
    }

    /// <summary>Whether what is there, whatever links lead to it, is inside of a folder.</summary>
    public static bool IsInside(string path, string folder) =>
        Of(path) is { } real && Of(folder) is { } above && real.StartsWith(above.TrimEnd('/') + '/', StringComparison.Ordinal);
}
