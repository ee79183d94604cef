namespace Millpond.Server.Governing;

/// <summary>
/// One thing that is wanted of an upstream, over all tries for it: they count once against the upstream, and share one bound. Used by one
/// try at a time.
/// </summary>
/// <param name="content">What it is about: a failure that has an answer is held against this alone, and so is the first silence.</param>
/// <param name="asker">Why and for whom, as of now: one more urgent may join while it waits for its turn.</param>
internal sealed class Inquiry(string content, Func<Asker> asker)
{
    public Inquiry(string content, Asker asker)
        : this(content, () => asker)
    {
    }

    public string Content => content;

    public Asker Asker => asker();

    public RequestReason Reason => Asker.Reason;

    /// <summary>How long the upstream's answers may take over all tries; null leaves it to the client's own deadline.</summary>
    public TimeSpan? Within { get; init; }

    /// <summary>What the bound is, in words.</summary>
    public string WithinWords { get; init; } = "over all tries";

    /// <summary>How long to wait for a turn among the cache's own requests, which is no time of the upstream's; null for as long as it takes.</summary>
    public TimeSpan? QueuesFor { get; init; }

    /// <summary>What is left of <see cref="Within"/>.</summary>
    public TimeSpan? Left => Within - Waited;

    /// <summary>
    /// Whether it goes on with what was answered a moment ago: a connection that then breaks without an answer is not that content's fault.
    /// </summary>
    public bool IsResume { get; init; }

    /// <summary>How the probe repeats it, where that need not be the whole request.</summary>
    public Func<CancellationToken, Task<Upstream.UpstreamResult<object>>>? Repeat { get; set; }

    /// <summary>How long answers were waited for so far.</summary>
    public TimeSpan Waited { get; set; }

    /// <summary>Whether a try of it has been counted against the upstream.</summary>
    public bool IsCounted { get; set; }

    /// <summary>A manifest by tag or digest.</summary>
    public static string Manifest(Images.RepositoryName repository, string reference) => $"{repository} manifest {reference}";

    public static string Blob(Images.RepositoryName repository, Images.Digest digest) => $"{repository} blob {digest}";
}
