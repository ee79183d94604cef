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

    /// <summary>The file of robots' passwords; null for none.</summary>
    public string? RobotsFile { get; init; }

    public EcrConfiguration Ecr { get; init; } = new();

    /// <summary>Where the key of the catalog's secrets comes from; of its own where both are null.</summary>
    public SealingKeySource SealingKey { get; init; } = new();

    public AwsSecretsConfiguration AwsSecrets { get; init; } = new();

    /// <summary>Listeners for health, metrics and <c>/-/</c>; empty = the main ones.</summary>
    public ImmutableArray<Uri> OperationsListen { get; init; } = [];

    public ImmutableArray<PullThroughRule> Rules { get; init; } = [];

    /// <summary>What <c>defaults</c> say, for rules that are made through the API; its names mean nothing.</summary>
    public PullThroughRule RuleDefaults { get; init; } = new() { Prefix = "defaults", UpstreamName = "defaults.invalid", Upstream = new("https://defaults.invalid") };

    /// <summary>Opt-in presets that are not set up: a pull under them is answered with what to create.</summary>
    public ImmutableArray<Preset> DormantPresets { get; init; } = [];

    public ImmutableArray<RuleListener> Listeners { get; init; } = [];

    public AdmissionConfiguration Admission { get; init; } = new();

    public StorageConfiguration Storage { get; init; } = new();

    public PushConfiguration Push { get; init; } = new();

    public NegativeCacheConfiguration NegativeCache { get; init; } = new();

    public CostConfiguration Cost { get; init; } = new();
    public LifecycleConfiguration Lifecycle { get; init; } = new();

    /// <summary>How long running requests and fills with readers go on after SIGTERM.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Connections that a listener for pulls has open at once.</summary>
    public int Connections { get; init; } = 10_000;

    public LogConfiguration Log { get; init; } = new();
}

public enum AccessMode
{
    /// <summary>Whoever reaches a listener.</summary>
    Anonymous,

    /// <summary>Whoever has logged in and may.</summary>
    Token,
}

/// <summary>What the registry is called in ARNs.</summary>
public sealed record EcrConfiguration(string Account = "000000000000", string Region = "us-east-1");

/// <param name="File">A file, or null.</param>
/// <param name="Variable">The name of an environment variable, or null.</param>
public sealed record SealingKeySource(string? File = null, string? Variable = null);

/// <param name="ForRules">Whether rules made through the API may name secrets of AWS's Secrets Manager.</param>
/// <param name="Endpoint">Where that is; null for AWS's own of the secret's region.</param>
/// <param name="CredentialsFile">The file with the key that it is asked with; null for what AWS tools would use.</param>
public sealed record AwsSecretsConfiguration(bool ForRules = false, Uri? Endpoint = null, string? CredentialsFile = null);

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

/// <param name="Uploads">How many uploads may be under way at once.</param>
/// <param name="UploadBytes">What all of them may take together.</param>
/// <param name="UploadsFor">How long one that nobody goes on with is kept.</param>
/// <param name="SparseIndexes">Whether an index may name manifests that its repository does not have.</param>
public sealed record PushConfiguration(int Uploads, SizeLimit UploadBytes, TimeSpan UploadsFor, bool SparseIndexes)
{
    public PushConfiguration()
        : this(1000, new(null, 50), TimeSpan.FromHours(24), SparseIndexes: false)
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

/// <param name="Every">How often policies run.</param>
/// <param name="Grace">How long what nobody refers to any more stays before its bytes go.</param>
/// <param name="Guard">Whether what an upstream does not show is left alone, where its rule does not say it.</param>
public sealed record LifecycleConfiguration(TimeSpan Every, TimeSpan Grace, bool Guard)
{
    public LifecycleConfiguration()
        : this(TimeSpan.FromHours(1), TimeSpan.FromHours(1), Guard: true)
    {
    }
}

public enum LogFormat
{
    Json,
    Text,
}

/// <param name="Format">Null for text on a terminal and JSON elsewhere.</param>
public sealed record LogConfiguration(LogLevel Level = LogLevel.Information, LogFormat? Format = null, bool Access = true)
{
    /// <param name="isTerminal">Whether the lines go to one, where people read them.</param>
    public LogFormat FormatOn(bool isTerminal) => Format ?? (isTerminal ? LogFormat.Text : LogFormat.Json);
}
