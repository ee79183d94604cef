namespace Millpond.Cli.Editing;

/// <summary>Standard input, held so that it can be read more than once: in memory, or in a temporary file where it is long.</summary>
internal sealed class HeldInput : IDisposable
{
    private const int MostInMemory = 16 << 20;

    private readonly MemoryStream memory = new();
    private readonly FileStream? file;

    /// <exception cref="IOException">There is no room for it.</exception>
    public HeldInput(Stream input)
    {
        var buffer = new byte[64 * 1024];
        for (int read; (read = input.Read(buffer)) > 0;)
        {
            if (file is null && memory.Length + read > MostInMemory)
            {
                file = CreateFile();
                memory.WriteTo(file);
                memory.SetLength(0);
                memory.Capacity = 0;
            }

            ((Stream?)file ?? memory).Write(buffer, 0, read);
        }

        file?.Flush();
    }

    /// <summary>Another reading from the beginning.</summary>
    public Stream Open() => file is null
        ? new MemoryStream(memory.GetBuffer(), 0, (int)memory.Length, writable: false)
        : new FileStream($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    public void Dispose()
    {
        file?.Dispose();
        memory.Dispose();
    }

    // What is read may be secret, so the file is made for its user alone, and has no name that a killed process would leave behind.
    private static FileStream CreateFile()
    {
        var file = new FileStream(
            Path.Join(Path.GetTempPath(), $"millpond-{Guid.NewGuid():N}"),
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        File.Delete(file.Name);
        return file;
    }
}
