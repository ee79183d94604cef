using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

/// <summary>A registry of its own: no rules, no upstreams.</summary>
internal static class PushHost
{
    public static Task<MillpondHost> StartAsync(
        PushConfiguration? push = null, TimeProvider? time = null, TemporaryFolder? data = null, Func<ServerConfiguration, ServerConfiguration>? configure = null,
        bool allowErrors = false) =>
        MillpondHost.StartAsync([], new()
        {
            Time = time ?? TimeProvider.System,
            Data = data,
            AllowErrors = allowErrors,
            Configure = configuration => (configure ?? (same => same))(configuration with { Push = push ?? new() }),
        });

    /// <summary>The files of uploads that are under way.</summary>
    public static string[] Uploads(MillpondHost millpond) => Directory.GetFiles(Path.Join(millpond.DataFolder, "staging", "uploads"));

    /// <summary>Whether one of them has so many bytes; others may come and go meanwhile.</summary>
    public static bool HasUploadOf(MillpondHost millpond, long length) =>
        new DirectoryInfo(Path.Join(millpond.DataFolder, "staging", "uploads")).EnumerateFiles().Any(file => file.Exists && file.Length == length);

    /// <summary>The files of whole blobs.</summary>
    public static string[] Blobs(MillpondHost millpond) => Directory.GetFiles(Path.Join(millpond.DataFolder, "store"), "*", SearchOption.AllDirectories);
}
