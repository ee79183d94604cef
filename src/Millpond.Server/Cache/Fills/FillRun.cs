using System.Security.Cryptography;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

internal enum FillOutcome
{
    Ended,

    /// <summary>What it went on from, or one of several who brought it, was not what the digest says: worth one more run from zero.</summary>
    Damaged,
}

/// <summary>What one run of a fill's download holds: let go of when it ends, however it ends.</summary>
internal sealed class FillRun(Fill fill, long begun) : IDisposable
{
    public Fill Fill { get; } = fill;

    /// <summary>When, by the clock's timestamps.</summary>
    public long Begun { get; } = begun;

    public IncrementalHash Hash { get; } =
        IncrementalHash.CreateHash(fill.Digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    public Staging? Staging { get; set; }

    public DiskPromise? Promise { get; set; }

    public void Dispose()
    {
        Promise?.Dispose();
        Hash.Dispose();
    }
}
