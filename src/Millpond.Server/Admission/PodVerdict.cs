namespace Millpond.Server.Admission;

/// <summary>What a review decides. Every decision allows the pod: the cache is an optimisation, and a refused pod is an outage.</summary>
/// <param name="Result">For the metric: rewritten, unchanged, or why nothing was looked at.</param>
/// <param name="Patch">The JSON patch; empty where nothing changes.</param>
/// <param name="Audit">Annotations for the API server's audit log: which images, and why not.</param>
internal sealed record PodVerdict(string Result, IReadOnlyList<PatchOperation> Patch, IReadOnlyDictionary<string, string> Audit)
{
    public const string Rewritten = "rewritten";
    public const string Unchanged = "unchanged";

    /// <summary>Something in the pod could not be read: allowed as it is, and worth a look at the log.</summary>
    public const string Failed = "failed";

    public static PodVerdict Skipped(string result) => new(result, [], new Dictionary<string, string> { ["skipped"] = result });
}
