namespace Millpond.Cli.Lifecycle;

/// <summary>A lifecycle policy in a file.</summary>
internal static class PolicyFile
{
    /// <summary>ECR's limit is 30,720 characters.</summary>
    private const long Longest = 256 * 1024;

    /// <exception cref="CommandFailedException">It cannot be read, or is far too large.</exception>
    public static async Task<string> ReadAsync(FileInfo file, CancellationToken cancellationToken)
    {
        try
        {
            return file.Length <= Longest
                ? await File.ReadAllTextAsync(file.FullName, cancellationToken)
                : throw new CommandFailedException($"--policy {file}: the file is too large for a policy.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"--policy {file}: {failure.Message}", failure);
        }
    }
}
