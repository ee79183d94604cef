using Microsoft.Win32.SafeHandles;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>An open file of a blob, for all who read it at the same time. The last who lets go closes it.</summary>
internal sealed class SharedFile(Digest digest, SafeFileHandle handle, long length)
{
    private int references = 1;

    public Digest Digest => digest;

    public SafeFileHandle Handle => handle;

    /// <summary>The file's length in bytes when it was opened.</summary>
    public long Length => length;

    /// <summary>Whether the file still has its name, and its length: another program may have taken it away, or cut it.</summary>
    public bool IsThere => NativeMethods.TryLook(handle, out var links, out var now) && links > 0 && now == length;

    /// <summary>Whether the file still has its name: one that was replaced has none.</summary>
    public bool HasName => NativeMethods.TryLook(handle, out var links, out _) && links > 0;

    /// <summary>One more that reads; false where the last one has let go.</summary>
    public bool TryAddReference()
    {
        for (var count = Volatile.Read(ref references); count > 0; count = Volatile.Read(ref references))
        {
            if (Interlocked.CompareExchange(ref references, count + 1, count) == count)
            {
                return true;
            }
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref references) == 0)
        {
            handle.Dispose();
        }
    }
}
