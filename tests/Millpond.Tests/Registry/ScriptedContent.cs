using Millpond.Server.Cache.Answers;


namespace Millpond.Tests.Registry;

/// <summary>A blob whose bytes come as a test lets them: a fill in miniature.</summary>
internal sealed class ScriptedContent(byte[] bytes, long? length) : BlobContent
{
    private readonly Lock gate = new();
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long written;
    private PullFailure? failure;

    public override long? Length => length;

    public bool IsDisposed { get; private set; }

    /// <summary>Up to which byte there are bytes now.</summary>
    public ScriptedContent Write(long upTo)
    {
        Change(() => written = upTo);
        return this;
    }

    public ScriptedContent Fail(PullFailureKind kind)
    {
        Change(() => failure = new PullFailure(kind, "the upstream broke", "quay", "quay.io"));
        return this;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (offset >= bytes.Length)
                {
                    return 0;
                }

                if (offset < written)
                {
                    var count = (int)Math.Min(buffer.Length, written - offset);
                    bytes.AsSpan((int)offset, count).CopyTo(buffer.Span);
                    return count;
                }

                if (failure is not null)
                {
                    throw new FillFailedException(failure);
                }

                wait = changed.Task;
            }

            await wait.WaitAsync(cancellationToken);
        }
    }

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private void Change(Action change)
    {
        TaskCompletionSource done;
        lock (gate)
        {
            change();
            done = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        done.SetResult();
    }
}
