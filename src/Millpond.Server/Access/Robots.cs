using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Access;

/// <summary>
/// The robots there are: those of a file, which is read again when it has changed, and those made by <c>millpond access</c>. A name that is
/// in both is the file's. A file that cannot be read leaves what was read before.
/// </summary>
public sealed partial class Robots(string? path, ControlTables control, TimeProvider time, ILogger<Robots> log)
{
    /// <summary>The kind of their rows among the settings.</summary>
    public const string Kind = "robot";

    /// <summary>How often the file is looked at, at most.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private const int LongestFile = 4 * 1024 * 1024;

    private readonly Lock gate = new();
    private FrozenDictionary<string, Robot> ofFile = FrozenDictionary<string, Robot>.Empty;
    private (DateTime Written, long Length) seen;
    private long? lookedAt;
    private long version;

    /// <summary>Changes with the file.</summary>
    public long Version
    {
        get
        {
            Look();
            return Volatile.Read(ref version);
        }
    }

    public async ValueTask<Robot?> FindAsync(string name)
    {
        Look();
        return !Robot.IsName(name) ? null
            : ofFile.TryGetValue(name, out var robot) ? robot
            : await control.Settings.FindAsync(Kind, name) is { } row ? Read(row) : null;
    }

    /// <summary>Those made by <c>millpond access</c>, after a name.</summary>
    public async ValueTask<IReadOnlyList<Robot>> ListAsync(string after, int limit) =>
        [.. (await control.Settings.ListAsync(Kind, after, limit)).Select(Read).OfType<Robot>()];

    public Task PutAsync(Robot robot) =>
        control.Settings.PutAsync(Kind, robot.Name, JsonSerializer.Serialize([robot.Hash, string.Join(',', robot.Policies)], AccessJson.Default.StringArray), time.GetUtcNow());

    public Task<bool> DeleteAsync(string name) => control.Settings.DeleteAsync(Kind, name);

    private static Robot? Read(SettingRow row) =>
        JsonSerializer.Deserialize(row.Value, AccessJson.Default.StringArray) is [var hash, var policies] && Robot.TryParse($"{row.Name}:{hash}:{policies}", out var robot, out _) ? robot : null;

    private void Look()
    {
        if (path is null)
        {
            return;
        }

        lock (gate)
        {
            if (lookedAt is { } last && time.GetElapsedTime(last) < LookEvery)
            {
                return;
            }

            lookedAt = time.GetTimestamp();
            try
            {
                // Opened by its name: Kubernetes swaps links, and the link's target says when it was written.
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                var now = (File.GetLastWriteTimeUtc(file.SafeFileHandle), file.Length);
                if (now == seen)
                {
                    return;
                }

                ofFile = Read(file);
                seen = now;
                Interlocked.Increment(ref version);
                Log.FileRead(log, path, ofFile.Count);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                Log.NotRead(log, path, failure.Message);
            }
        }
    }

    private FrozenDictionary<string, Robot> Read(FileStream file)
    {
        if (file.Length > LongestFile)
        {
            throw new IOException($"it is larger than {LongestFile / 1024 / 1024} MiB");
        }

        var found = new Dictionary<string, Robot>(StringComparer.Ordinal);
        using var reader = new StreamReader(file, leaveOpen: true);
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith('#'))
            {
                continue;
            }

            if (Robot.TryParse(line.Trim(), out var robot, out var why))
            {
                found[robot.Name] = robot;
            }
            else
            {
                Log.BadLine(log, path!, number, why);
            }
        }

        return found.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Path}: {Count} robots")]
        public static partial void FileRead(ILogger logger, string path, int count);

        [LoggerMessage(2, LogLevel.Warning, "{Path} cannot be read, the robots read before stay: {Reason}")]
        public static partial void NotRead(ILogger logger, string path, string reason);

        [LoggerMessage(3, LogLevel.Warning, "{Path}, line {Line} is left out: {Why}")]
        public static partial void BadLine(ILogger logger, string path, int line, string why);
    }
}
