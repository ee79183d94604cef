namespace Millpond.Tests.Fixtures;

/// <summary>Parks a body before one byte until it is opened, so that a test can look at what happens while a download is half way.</summary>
public sealed class Gate
{
    private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="after">How many bytes of the blob (by its own offsets, not the answer's) are sent before the body parks.</param>
    public Gate(long after) => After = after;

    public long After { get; }

    public bool IsOpen => opened.Task.IsCompleted;

    /// <summary>Ends when a body has parked here and all bytes before it were handed to the connection.</summary>
    public Task WhenReached() => reached.Task.WaitAsync(Patience.Limit);

    /// <summary>Lets every parked and every later body pass.</summary>
    public void Open() => opened.TrySetResult();

    internal Task PassAsync(CancellationToken cancellationToken)
    {
        reached.TrySetResult();
        return opened.Task.WaitAsync(cancellationToken);
    }
}
