using System.Formats.Tar;
using System.IO.Compression;
using Millpond.Rewriting.Charts;

namespace Millpond.Cli.Charts;

/// <summary>Reads a packed chart (<c>NAME-1.2.3.tgz</c>), within limits: anybody may have packed it. Nothing is written anywhere.</summary>
internal static class ChartPackage
{
    /// <summary>How much may be unpacked to find what is wanted.</summary>
    private const long MaxUnpacked = 64 << 20;

    /// <summary>Its files that say something of images, each with its path from the package's own folder on: <c>NAME/values.yaml</c>.</summary>
    /// <exception cref="InvalidDataException">It is no package, or too much.</exception>
    public static IReadOnlyList<ChartFile> Read(Stream packed, long maxLength, long maxTotal, int maxFiles)
    {
        var files = new List<ChartFile>();
        using var unpacked = Unpack(packed);
        using var archive = new TarReader(unpacked);
        var total = 0L;
        while (archive.GetNextEntry() is { } entry)
        {
            var path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            var slash = path.IndexOf('/', StringComparison.Ordinal);
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile) || slash <= 0 || !ChartReader.IsWanted(path[(slash + 1)..]))
            {
                continue;
            }

            total += entry.Length;
            if (entry.Length > maxLength || total > maxTotal || files.Count >= maxFiles)
            {
                throw new InvalidDataException("too much");
            }

            var bytes = new byte[entry.Length];
            entry.DataStream?.ReadExactly(bytes);
            files.Add(new ChartFile(path, bytes));
        }

        return files;
    }

    // A small package may hold very much.
    private static MemoryStream Unpack(Stream packed)
    {
        using var unpacking = new GZipStream(packed, CompressionMode.Decompress);
        var unpacked = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = unpacking.Read(buffer)) > 0;)
        {
            unpacked.Write(buffer, 0, read);
            if (unpacked.Length > MaxUnpacked)
            {
                throw new InvalidDataException("too much");
            }
        }

        unpacked.Position = 0;
        return unpacked;
    }
}
