namespace Millpond.Tests.Fixtures;

/// <summary>A fault that waits for the requests it was armed for.</summary>
public sealed class ArmedFault
{
    private readonly Lock sync = new();
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int left;

    internal ArmedFault(UpstreamFault fault, int times)
    {
        Fault = fault;
        left = times;
    }

    public UpstreamFault Fault { get; }

    /// <summary>How many requests it has hit.</summary>
    public int Taken { get; private set; }

    internal string? Repository { get; init; }

    internal string? Reference { get; init; }

    internal RequestKind? Kind { get; init; }

    /// <summary>What happens after the answer (a tag that moves).</summary>
    internal Action? Then { get; init; }

    /// <summary>Ends when the first request was hit.</summary>
    public Task WhenTaken() => taken.Task.WaitAsync(Patience.Limit);

    /// <summary>Lets what is stalled or black-holed by this fault go on (a black hole then breaks the connection).</summary>
    public void Release() => released.TrySetResult();

    /// <summary>Hits no request any more; what it holds is released.</summary>
    public void Disarm()
    {
        lock (sync)
        {
            left = 0;
        }

        Release();
    }

    internal Task HoldAsync(CancellationToken cancellationToken) => released.Task.WaitAsync(cancellationToken);

    internal bool TryTake(UpstreamRequest request)
    {
        if (Kind is { } kind && kind != request.Kind
            || Repository is not null && Repository != request.Repository
            || Reference is not null && Reference != request.Reference
            || !Fits(request))
        {
            return false;
        }

        lock (sync)
        {
            if (left == 0)
            {
                return false;
            }

            left--;
            Taken++;
        }

        taken.TrySetResult();
        return true;
    }

    private bool Fits(UpstreamRequest request) => Fault switch
    {
        UpstreamFault.UnauthorizedOnResume or UpstreamFault.WrongRangeStart => request.IsResume,
        UpstreamFault.IgnoresRange => request.Range is not null,
        UpstreamFault.TokenExpires => request.AuthorizationScheme == "Bearer",
        UpstreamFault.TagMovesAfterHead => request.Method == "HEAD",
        UpstreamFault.MissingChild => request.Reference?.StartsWith("sha256:", StringComparison.Ordinal) == true,
        _ => true,
    };
}

internal sealed class ArmedFaults
{
    private readonly Lock sync = new();
    private readonly List<ArmedFault> armed = [];

    public ArmedFault Add(ArmedFault fault)
    {
        if (FaultStages.StageOf(fault.Fault) == FaultStage.Address)
        {
            throw new InvalidOperationException($"{fault.Fault} is a matter of the address, it cannot be armed.");
        }

        lock (sync)
        {
            armed.Add(fault);
        }

        return fault;
    }

    /// <summary>The first fault of this stage that was armed for the request, counted down; null for none.</summary>
    public ArmedFault? Take(FaultStage stage, UpstreamRequest request)
    {
        lock (sync)
        {
            return armed.Find(fault => FaultStages.StageOf(fault.Fault) == stage && fault.TryTake(request));
        }
    }

    public void DisarmAll()
    {
        lock (sync)
        {
            armed.ForEach(fault => fault.Disarm());
            armed.Clear();
        }
    }
}
