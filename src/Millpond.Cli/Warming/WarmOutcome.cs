namespace Millpond.Cli.Warming;

/// <summary>What became of an image.</summary>
/// <param name="Failure">Why it is not all in the cache; null where it is.</param>
/// <param name="Bytes">How much of it was pulled now.</param>
/// <param name="Pulled">Blobs that were pulled now.</param>
/// <param name="Cached">Blobs that were there before.</param>
/// <param name="WasDone">Whether an earlier run had finished it, by the journal.</param>
internal sealed record WarmOutcome(WarmImage Image, string? Failure, long Bytes = 0, int Pulled = 0, int Cached = 0, bool WasDone = false)
{
    public string Describe() => this switch
    {
        { Failure: { } failure } => failure,
        { WasDone: true } => "done in an earlier run",
        { Pulled: 0 } => "was cached",
        _ => $"{Sizes.Text(Bytes)} in {Pulled} {(Pulled == 1 ? "blob" : "blobs")}{(Cached > 0 ? $", {Cached} were cached" : "")}",
    };
}
