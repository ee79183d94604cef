using Microsoft.Win32.SafeHandles;

namespace Millpond.Server.Store;

/// <summary>What is done to single files of the store.</summary>
internal static class StoreFiles
{
    /// <summary>Makes a file that nobody else can read, in place of what stands there.</summary>
    /// <exception cref="IOException">The disk is full or broken, or what stands there cannot be taken away.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder takes no files.</exception>
    public static SafeFileHandle Create(string path)
    {
        // Nearly always nothing stands there, and to look first would be a call more.
        if (TryCreate(path) is { } file)
        {
            return file;
        }

        File.Delete(path);
        return TryCreate(path) ?? throw new IOException($"{path} cannot be taken away.");
    }

    /// <summary>Deletes a file whose length stays known; false where it is not here or cannot be deleted.</summary>
    public static bool TryDelete(FileInfo file)
    {
        try
        {
            if (!file.Exists)
            {
                return false;
            }

            File.Delete(file.FullName);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Gives back what was reserved beyond a partial's bytes: a download that was killed leaves its whole size allocated, for which cached
    /// blobs would be evicted. Keeps the time of its last byte.
    /// </summary>
    public static void Trim(FileInfo partial)
    {
        try
        {
            using (var file = File.OpenHandle(partial.FullName, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            {
                RandomAccess.SetLength(file, partial.Length);
            }

            File.SetLastWriteTimeUtc(partial.FullName, partial.LastWriteTimeUtc);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            // It is thrown away when somebody asks for it.
        }
    }

    /// <summary>Null where something of this name is there.</summary>
    private static SafeFileHandle? TryCreate(string path)
    {
        try
        {
            var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            File.SetUnixFileMode(file, PrivateParts.FileMode);
            return file;
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }
}
