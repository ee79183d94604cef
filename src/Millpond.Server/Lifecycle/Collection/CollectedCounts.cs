namespace Millpond.Server.Lifecycle.Collection;

/// <summary>What a pass took away.</summary>
internal sealed class CollectedCounts
{
    public long Manifests { get; set; }

    public long Links { get; set; }

    public long Blobs { get; set; }

    public long Bytes { get; set; }

    public bool Any => Manifests + Links + Blobs > 0;
}
