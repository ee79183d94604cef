namespace Millpond.Server.Cache.Answers;

/// <summary>A download ended without its last bytes after an answer had begun.</summary>
public sealed class FillFailedException : Exception
{
    public FillFailedException(PullFailure failure)
        : base(failure.Reason) => Failure = failure;

    public PullFailure Failure { get; }
}
