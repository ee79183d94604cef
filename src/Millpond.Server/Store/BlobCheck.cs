using System.Security.Cryptography;

namespace Millpond.Server.Store;

/// <summary>What the bytes of a blob's file are found to be.</summary>
internal enum BlobVerdict
{
    /// <summary>What its digest says.</summary>
    Right,

    /// <summary>Something else.</summary>
    Wrong,

    /// <summary>The disk does not give them: that says nothing of them.</summary>
    Unreadable,
}

/// <summary>Hashes a stored file slowly, and leaves as little of it as may be in the memory that pulls use.</summary>
internal static class BlobCheck
{
    private const int BlockSize = 256 * 1024;

    /// <param name="read">Told of each block's bytes; waits where it is to go on later.</param>
    /// <param name="keepsPages">Whether the file is pulled, so that its pages are wanted in memory.</param>
    public static async ValueTask<BlobVerdict> RunAsync(SharedFile file, Func<int, ValueTask> read, bool keepsPages)
    {
        using var hash = IncrementalHash.CreateHash(file.Digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        var block = new byte[BlockSize];
        try
        {
            for (var at = 0L; ;)
            {
                var count = RandomAccess.Read(file.Handle, block, at);
                if (count == 0)
                {
                    return Millpond.Images.Digest.FromHash(file.Digest.Algorithm, hash.GetHashAndReset()) == file.Digest ? BlobVerdict.Right : BlobVerdict.Wrong;
                }

                hash.AppendData(block, 0, count);
                if (!keepsPages)
                {
                    NativeMethods.Drop(file.Handle, at, count);
                }

                at += count;
                await read(count);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return BlobVerdict.Unreadable;
        }
    }
}
