using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Millpond.Server.Configuration;

/// <summary>The whole configuration as one immutable value: flags, environment, file, presets and defaults are already merged and checked.</summary>
public sealed record ServerConfiguration
{
    public ImmutableArray<Uri> Listen { get; init; } = [new Uri("http://127.0.0.1:5000")];

    /// <summary>What clients call this server; Location and Link are relative without it.</summary>
    public Uri? PublicUrl { get; init; }

    public TlsFiles? Tls { get; init; }

    /// <summary>Whose X-Forwarded-* is believed.</summary>
    public ImmutableArray<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>The data folder, as given.</summary>
    public string Data { get; init; } = "./millpond-data";

    /// <summary>Who may pull.</summary>
    public AccessMode Access { get; init; } = AccessMode.Anonymous;

    /// <summary>Listeners for health, metrics and <c>/-/</c>; empty = the main ones.</summary>
    public ImmutableArray<Uri> OperationsListen { get; init; } = [];

    public ImmutableArray<PullThroughRule> Rules { get; init; } = [];

    /// <summary>Opt-in presets that are not set up: a pull under them is answered with what to create.</summary>
    public ImmutableArray<Preset> DormantPresets { get; init; } = [];

    public ImmutableArray<RuleListener> Listeners { get; init; } = [];

    public AdmissionConfiguration Admission { get; init; } = new();

    public StorageConfiguration Storage { get; init; } = new();

    public NegativeCacheConfiguration NegativeCache { get; init; } = new();

    /// <summary>How long running requests and fills with readers go on after SIGTERM.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(30);

    public LogConfiguration Log { get; init; } = new();
}

public enum AccessMode
{
    /// <summary>Whoever reaches a listener.</summary>
    Anonymous,
}

/// <summary>PEM files, read again when they change.</summary>
public sealed record TlsFiles(string Certificate, string Key);

/// <summary>A whole listener for one rule, named by its prefix (docker's <c>registry-mirrors</c>).</summary>
public sealed record RuleListener(Uri Url, string Rule);

/// <param name="Bytes">A fixed size, or null.</param>
/// <param name="Percent">Of the data folder's disk, where <paramref name="Bytes"/> is null.</param>
public readonly record struct SizeLimit(long? Bytes, int Percent)
{
    /// <summary>The limit in bytes for a disk of this size.</summary>
    public long Of(long diskBytes) => Bytes ?? (long)(diskBytes / 100.0 * Percent);
}

/// <param name="Limit">Up to where the store may fill the disk.</param>
/// <param name="Headroom">What is kept free for the catalog.</param>
/// <param name="PartialsFor">How long a paused download is kept.</param>
/// <param name="OrphanFills">Fills that may run on without a reader.</param>
/// <param name="NearlyDone">A fill with no more than this many bytes left runs on without a reader in any case.</param>
public sealed record StorageConfiguration(SizeLimit Limit, SizeLimit Headroom, TimeSpan PartialsFor, int OrphanFills, long NearlyDone)
{
    public StorageConfiguration()
        : this(new(null, 90), new(null, 5), TimeSpan.FromHours(24), 4, 64L * 1024 * 1024)
    {
    }
}

/// <param name="Absent">How long an upstream's 404 is believed.</param>
/// <param name="Refused">How long an upstream's 401 or 403 is believed for the same credential.</param>
public sealed record NegativeCacheConfiguration(TimeSpan Absent, TimeSpan Refused)
{
    public NegativeCacheConfiguration()
        : this(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30))
    {
    }
}

public enum LogFormat
{
    Json,
    Text,
}

public sealed record LogConfiguration(LogLevel Level = LogLevel.Information, LogFormat Format = LogFormat.Json, bool Access = true);
