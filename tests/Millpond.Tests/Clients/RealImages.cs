using System.Diagnostics;

namespace Millpond.Tests.Clients;

/// <summary>One thing that a client can pull.</summary>
internal readonly record struct RealImage(string Repository, string Tag = "1")
{
    public RealImage Under(string prefix) => this with { Repository = $"{prefix}/{Repository}" };

    public override string ToString() => $"{Repository}:{Tag}";
}

/// <summary>The small real images that tests/tools/make-images.sh makes once for a machine.</summary>
internal static class RealImages
{
    public const string Single = "demo/single";
    public const string TwoPlatforms = "demo/app";
    public const string Zstd = "demo/zstd";
    public const string DockerSchema2 = "demo/docker-v2";
    public const string Artifact = "demo/artifact";
    public const string Chart = "charts/chart";
    public const string ChartVersion = "0.1.0";

    /// <summary>What a client that takes every kind of manifest asks for.</summary>
    public const string ManifestTypes = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
        + "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

    private static readonly Lazy<Task> Made = new(MakeAsync);

    /// <summary>What every client for images can pull; <see cref="TwoPlatforms"/> has attestations.</summary>
    public static IReadOnlyList<RealImage> Images { get; } = [new(Single), new(TwoPlatforms), new(Zstd), new(DockerSchema2)];

    /// <summary>A docker-registry's storage.</summary>
    public static string Storage => Path.Join(RequireClient.Tools, "images", "registry");

    public static string CosignKey => Path.Join(RequireClient.Tools, "images", "cosign.pub");

    public static Task MadeAsync() => Made.Value;

    private static async Task MakeAsync()
    {
        var script = Path.Join(RequireClient.Repository, "tests", "tools", "make-images.sh");
        using var process = Process.Start(new ProcessStartInfo(script) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{script} failed:\n{await output}\n{await errors}");
    }
}
