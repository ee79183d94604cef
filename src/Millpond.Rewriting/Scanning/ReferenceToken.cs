namespace Millpond.Rewriting.Scanning;

/// <summary>What stands before a reference and says what it is for.</summary>
internal enum TokenScheme
{
    None,

    /// <summary><c>docker://</c>: always an image.</summary>
    Docker,

    /// <summary><c>oci://</c>: whatever a registry can hold, mostly a chart.</summary>
    Oci,
}

/// <summary>A stretch of text that names a registry and a repository there. Positions are bytes of the text that was scanned.</summary>
/// <param name="Start">Of the host.</param>
/// <param name="End">Behind the literal reference; where a tag is computed, behind the name.</param>
/// <param name="Whole">Behind everything that belongs to it, a computed tag included.</param>
internal readonly record struct ReferenceToken(int Start, int End, int Whole, int HostLength)
{
    /// <summary>Where its scheme begins, if it has one; else <see cref="Start"/>.</summary>
    public int Lead { get; init; }

    public TokenScheme Scheme { get; init; }

    /// <summary>Whether it has a tag or a digest, literal or computed.</summary>
    public bool IsPinned { get; init; }

    /// <summary>Whether a part of the name itself is filled in by something else.</summary>
    public bool IsPartial { get; init; }

    /// <summary>Whether a rule is for the host, or the tables know it as a registry.</summary>
    public bool IsKnown { get; init; }
}
