using System.Globalization;

namespace Millpond.Server.Store;

/// <summary>The data folder, held by this server alone for as long as it runs.</summary>
public sealed class DataFolder : IDisposable
{
    /// <summary>How the files in the folder are laid out; raised when an older program could no longer read them.</summary>
    private const int Format = 1;

    private readonly FileStream held;

    private DataFolder(string path, FileStream held)
    {
        Path = path;
        this.held = held;
    }

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Makes the folder where it is missing, and takes it.</summary>
    /// <exception cref="DataFolderException">Another server has it, it is of a newer program, or it cannot be written.</exception>
    public static DataFolder Open(string path)
    {
        var folder = System.IO.Path.GetFullPath(path);
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(folder);
            held = Hold(folder);
            CheckFormat(folder);
            return new(folder, held);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new DataFolderException($"The data folder {folder} cannot be used ({failure.Message}). Name a folder this user may write, with 'data' or --data.", failure);
        }
        catch (DataFolderException)
        {
            held?.Dispose();
            throw;
        }
    }

    public void Dispose() => held.Dispose();

    /// <summary>An open file without sharing is locked by the kernel, which lets go of it however the process ends.</summary>
    private static FileStream Hold(string folder)
    {
        var path = System.IO.Path.Join(folder, "lock");
        try
        {
            return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure) when (failure.GetType() == typeof(IOException) && File.Exists(path))
        {
            throw new DataFolderException(
                $"The data folder {folder} is in use by another server. Stop that one, or give this one a folder of its own with 'data' or --data.", failure);
        }
    }

    private static void CheckFormat(string folder)
    {
        var path = System.IO.Path.Join(folder, "format");
        if (!File.Exists(path))
        {
            File.WriteAllText(path, string.Create(CultureInfo.InvariantCulture, $"{Format}\n"));
            return;
        }

        var text = File.ReadAllText(path).Trim();
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var found) || found > Format)
        {
            throw new DataFolderException(
                $"The data folder {folder} has format '{text}', and this program knows formats up to {Format}. Start the newer program that wrote it, or name another folder.",
                null);
        }
    }
}
