namespace Millpond.Cli.Editing;

/// <summary>What all verbs on files do alike: select files, and turn what goes wrong into a line and an exit code.</summary>
internal static class FileVerb
{
    public static async Task<int> RunAsync(Streams streams, Func<Task<int>> work)
    {
        try
        {
            return await work();
        }
        catch (CommandFailedException failure)
        {
            await streams.Messages.WriteLineAsync($"millpond: {failure.Message}");
            return ExitCode.Failed;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            await streams.Messages.WriteLineAsync($"millpond: {failure.Message}");
            return ExitCode.Failed;
        }
    }

    /// <summary>Does something with a file; what goes wrong names it.</summary>
    /// <exception cref="CommandFailedException">The file cannot be read or written, or holds what is too long.</exception>
    public static T Guard<T>(string file, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CommandFailedException($"{file}: {e.Message}", e);
        }
    }

    /// <exception cref="CommandFailedException">There is nothing to read.</exception>
    public static FileSelection Select(string[] paths, Streams streams)
    {
        if (paths.Length == 0)
        {
            throw new CommandFailedException("Name files or folders, or - for standard input.");
        }

        var selection = FileSelection.Of(paths);
        selection.Report(streams.Messages);
        return selection;
    }
}
