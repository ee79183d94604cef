using System.Globalization;

namespace Millpond.Bench;

/// <summary>How big and how long; the defaults are those of the bounds.</summary>
internal sealed record BenchOptions
{
    /// <summary>The published program.</summary>
    public required string Millpond { get; init; }

    /// <summary>Another published program, measured beside it in the same run: the state before a change.</summary>
    public string? Before { get; init; }

    /// <summary>A file to which the ratios of this run are appended, with the date and the commit.</summary>
    public string? History { get; init; }

    /// <summary>What the program was built from, for <see cref="History"/>.</summary>
    public string Commit { get; init; } = "unknown";

    public long BlobSize { get; init; } = 1L << 30;

    /// <summary>The blob that many cold clients pull at once.</summary>
    public long SharedBlobSize { get; init; } = 256L << 20;

    /// <summary>The blob that a fresh server pulls before it is measured.</summary>
    public long SmallBlobSize { get; init; } = 64L << 20;

    /// <summary>Bytes per second and connection of the paced upstream.</summary>
    public long Pace { get; init; } = 250_000_000;

    public int Rounds { get; init; } = 3;

    public int ManifestSeconds { get; init; } = 4;

    /// <summary>How many manifests a repository has.</summary>
    public int ManifestFiles { get; init; } = 7_000;

    public int ColdClients { get; init; } = 50;

    /// <summary>Small and short, to see whether it works.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The measurements to make; empty = all but <see cref="WantsGrowth"/>.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>The contenders to measure beside Millpond; empty = all. For a first look at a change: the bounds need all.</summary>
    public IReadOnlyList<string> Beside { get; init; } = [];

    /// <summary>Those that pull an image.</summary>
    public static IReadOnlyList<string> PullWork { get; } = ["start", "warm-manifest", "warm-small", "warm-blob", "tls", "layers", "cold", "many", "outage", "token", "push", "collection"];

    /// <summary>Takes a quarter of an hour, and makes a table of its own: only where it is named.</summary>
    public bool WantsGrowth => Only.Contains("growth");

    public bool Wants(string measurement) => Only.Count == 0 || Only.Contains(measurement);

    /// <summary><c>--millpond FILE [--before FILE] [--beside NAME,NAME] [--history FILE --commit ID] [--quick] [--rounds N] [--only start,warm-manifest,warm-small,warm-blob,tls,cold,many,outage,push,token,collection,admit,rewrite,growth]</c>.</summary>
    public static BenchOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new BenchOptions { Millpond = "" };
        for (var at = 0; at < arguments.Count; at++)
        {
            options = arguments[at] switch
            {
                "--quick" => options with { IsQuick = true, BlobSize = 128L << 20, SharedBlobSize = 32L << 20, SmallBlobSize = 16L << 20, Rounds = 1, ManifestSeconds = 2, ManifestFiles = 700 },
                "--millpond" => options with { Millpond = Value(arguments, ref at) },
                "--before" => options with { Before = Value(arguments, ref at) },
                "--history" => options with { History = Value(arguments, ref at) },
                "--commit" => options with { Commit = Value(arguments, ref at) },
                "--rounds" => options with { Rounds = int.Parse(Value(arguments, ref at), CultureInfo.InvariantCulture) },
                "--beside" => options with { Beside = Value(arguments, ref at).Split(',') },
                "--only" => options with { Only = Value(arguments, ref at).Split(',') },
                var other => throw new ArgumentException($"unknown argument {other}"),
            };
        }

        return File.Exists(options.Millpond) ? options : throw new ArgumentException($"--millpond must name the published program; there is no {options.Millpond}");
    }

    private static string Value(IReadOnlyList<string> arguments, ref int at) =>
        ++at < arguments.Count ? arguments[at] : throw new ArgumentException($"{arguments[at - 1]} needs a value");
}
