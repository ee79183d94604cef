using Millpond.Rewriting.Records;

namespace Millpond.Cli;

/// <summary>
/// The file of <c>--record</c>. It is written before the first file is changed, and added to by later runs: without it the originals
/// would be lost.
/// </summary>
internal sealed class RecordFile
{
    private readonly string path;
    private readonly RewriteRecord known;

    private RecordFile(string path, RewriteRecord known)
    {
        this.path = path;
        this.known = known;
    }

    /// <summary>The record that is there, or a new one.</summary>
    /// <exception cref="CommandFailedException">What is there is no record.</exception>
    public static RecordFile Open(FileInfo file, string registry) =>
        new(file.FullName, file.Exists ? Load(file) : new RewriteRecord(RewriteRecord.CurrentVersion, registry, []));

    /// <exception cref="CommandFailedException">It is not there, or no record.</exception>
    public static RewriteRecord Load(FileInfo file)
    {
        try
        {
            using var input = file.OpenRead();
            return RewriteRecord.Load(input);
        }
        catch (FormatException e)
        {
            throw new CommandFailedException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Adds what a run changed; the file is replaced at once.</summary>
    public void Save(IEnumerable<RecordedFile> changed)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}";
        try
        {
            using (var output = File.Create(temporary))
            {
                known.With(changed).Save(output);
                output.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
