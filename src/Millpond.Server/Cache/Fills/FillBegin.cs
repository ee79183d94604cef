using Millpond.Server.Cache.Answers;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>How a fill begins: one value, told once to all who wait for it.</summary>
internal abstract record FillBegin
{
    /// <summary>Upstream has answered, or a partial from before is taken up: the file grows.</summary>
    public sealed record Growing(Staging Staging) : FillBegin;

    /// <summary>There was nothing to download: the blob had been stored between the pull's look for it and the start of the fill.</summary>
    public sealed record Stored : FillBegin;

    /// <summary>Nothing can be stored: each client asks upstream by itself.</summary>
    public sealed record PassedThrough : FillBegin;

    /// <summary>There will be no content.</summary>
    public sealed record Failed(PullFailure Failure) : FillBegin;
}

/// <summary>How a fill that has begun to grow ends, for its readers.</summary>
internal abstract record FillEnd
{
    /// <summary>All bytes are here, verified and released.</summary>
    public sealed record Whole : FillEnd;

    /// <summary>The disk took no more: readers go on by themselves from where the file ends.</summary>
    public sealed record Unstored : FillEnd;

    /// <summary>No more bytes will come.</summary>
    public sealed record Failed(PullFailure Failure) : FillEnd;
}
