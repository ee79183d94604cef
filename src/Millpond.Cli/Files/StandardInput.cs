namespace Millpond.Cli.Files;

/// <summary>Standard input, if there is one: where the shell has closed it (<c>&lt;&amp;-</c>), something of the runtime's own has got its number.</summary>
internal static class StandardInput
{
    private const string Descriptors = "/proc/self/fd";

    // What the kernel hands out for reading and writing a pipe's end: O_WRONLY and O_RDWR among the flags of /proc/self/fdinfo.
    private const int AccessMask = 3;

    /// <exception cref="IOException">There is none, or it is a device.</exception>
    public static Stream Open()
    {
        var facts = FileFacts.OfDescriptor(0);
        var name = LinkOf(0);
        var whatsWrong = facts.Kind switch
        {
            FileKind.Absent => Closed,
            FileKind.Folder => "standard input is a folder; give it a file or a pipe",
            FileKind.BlockDevice => "standard input is a device; give it a file or a pipe",
            FileKind.CharacterDevice when !Console.IsInputRedirected || name == "/dev/null" => null,
            FileKind.CharacterDevice => "standard input is a device; give it a file or a pipe",
            FileKind.Regular when name?.StartsWith('/') != true || name.StartsWith("/memfd:doublemapper", StringComparison.Ordinal) => Closed,
            FileKind.Pipe when name is not null && IsWrittenHere(name) => Closed,
            _ => null,
        };
        return whatsWrong is null ? Console.OpenStandardInput() : throw new IOException(whatsWrong);
    }

    private const string Closed = "standard input is closed, and - means to read it; give it a file or a pipe";

    // Nobody else's end of a pipe that one writes into oneself: it would never come to an end.
    private static bool IsWrittenHere(string pipe)
    {
        foreach (var descriptor in Directory.EnumerateFileSystemEntries(Descriptors))
        {
            if (int.TryParse(Path.GetFileName(descriptor), out var number) && number != 0 && LinkOf(number) == pipe && CanWrite(number))
            {
                return true;
            }
        }

        return false;
    }

    private static string? LinkOf(int descriptor)
    {
        try
        {
            return new FileInfo($"{Descriptors}/{descriptor}").LinkTarget;
        }
        catch (IOException)
        {
            // It was closed meanwhile.
            return null;
        }
    }

    private static bool CanWrite(int descriptor)
    {
        try
        {
            const string flags = "flags:";
            var line = File.ReadLines($"/proc/self/fdinfo/{descriptor}").FirstOrDefault(line => line.StartsWith(flags, StringComparison.Ordinal));
            return line is not null && (Convert.ToInt32(line[flags.Length..].Trim(), 8) & AccessMask) != 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
