using System.Runtime.InteropServices;

namespace Millpond.Cli.Files;

/// <summary>What a name leads to.</summary>
internal enum FileKind
{
    Absent,
    Regular,
    Folder,
    Link,
    Pipe,
    CharacterDevice,
    BlockDevice,
    Socket,
}

/// <summary>What the system says of a file without opening it: opening a named pipe would wait for somebody to write.</summary>
/// <param name="Number">Of the file, with that of its disk: two names with the same lead to the same file.</param>
internal readonly record struct FileFacts(FileKind Kind, uint User, uint Group, (ulong File, ulong Disk) Number)
{
    // The size of struct statx, and where in it the fields are.
    private const int Size = 256;
    private const int UserAt = 20;
    private const int GroupAt = 24;
    private const int ModeAt = 28;
    private const int FileAt = 32;
    private const int DiskAt = 136;
    private const int KindMask = 0xF000;

    /// <exception cref="IOException">The system does not say.</exception>
    public static FileFacts Of(string path) => Read(NativeMethods.CurrentFolder, path, flags: 0);

    /// <summary>Of a link itself where the name is one.</summary>
    /// <exception cref="IOException">The system does not say.</exception>
    public static FileFacts OfLink(string path) => Read(NativeMethods.CurrentFolder, path, NativeMethods.DoNotFollow);

    /// <summary>Of what a descriptor is open on.</summary>
    /// <exception cref="IOException">The system does not say.</exception>
    public static FileFacts OfDescriptor(int descriptor) => Read(descriptor, "", NativeMethods.Itself);

    private static FileFacts Read(int folder, string path, int flags)
    {
        Span<byte> status = stackalloc byte[Size];
        if (NativeMethods.Statx(folder, path, flags, NativeMethods.Basics, ref MemoryMarshal.GetReference(status)) == 0)
        {
            return new FileFacts(
                KindOf(BitConverter.ToUInt16(status[ModeAt..]) & KindMask),
                BitConverter.ToUInt32(status[UserAt..]),
                BitConverter.ToUInt32(status[GroupAt..]),
                (BitConverter.ToUInt64(status[FileAt..]), BitConverter.ToUInt64(status[DiskAt..])));
        }

        const int NoEntry = 2;
        const int NoDescriptor = 9;
        const int NoFolder = 20;
        return Marshal.GetLastPInvokeError() is NoEntry or NoFolder or NoDescriptor
            ? default
            : throw new IOException($"'{path}' cannot be looked at: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    private static FileKind KindOf(int bits) => bits switch
    {
        0x1000 => FileKind.Pipe,
        0x2000 => FileKind.CharacterDevice,
        0x4000 => FileKind.Folder,
        0x6000 => FileKind.BlockDevice,
        0xA000 => FileKind.Link,
        0xC000 => FileKind.Socket,
        _ => FileKind.Regular,
    };
}
