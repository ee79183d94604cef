using Millpond.Server.Cache.Answers;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Fills;

/// <summary>One who waits for a fill or reads it. Leaves it when disposed, once.</summary>
internal sealed class FillReader : IDisposable
{
    private readonly bool isFirst;
    private volatile bool isProven;
    private volatile PullFailure? expelled;
    private int left;

    internal FillReader(Fill fill, RuleMatch target, Asker asker, bool isProven, bool isFirst)
    {
        Fill = fill;
        Target = target;
        Asker = asker;
        this.isProven = isProven;
        this.isFirst = isFirst;
    }

    public Fill Fill { get; }

    /// <summary>Whose repository it reads through.</summary>
    public RuleMatch Target { get; }

    public Asker Asker { get; }

    public RequestReason Reason => Asker.Reason;

    /// <summary>Whether its own upstream has shown to have this blob: it may read what another's upstream brings, and the fill may go on at its own.</summary>
    public bool IsProven => isProven;

    /// <summary>What is read through the leader's repository is what that repository's upstream brings; all others are proven first.</summary>
    public bool NeedsProof => !isProven && (Fill.IsTakenOver || Fill.IsDropped || Target.Repository != Fill.LedBy.Repository);

    /// <summary>Why it may read no further than <see cref="MayReadTo"/> although the fill goes on; null while it may.</summary>
    public PullFailure? Expelled => expelled;

    /// <summary>How far its own upstream brought what it reads.</summary>
    public long MayReadTo { get; private set; } = long.MaxValue;

    /// <summary>How many bytes it wants: all, until it says less.</summary>
    public long Wants { get; private set; } = long.MaxValue;

    public Task<FillBegin> BeginAsync(CancellationToken cancellationToken) => Fill.Begun(isFirst).WaitAsync(cancellationToken);

    /// <summary>Another upstream than its own brings what lies beyond; until its own shows some of that, it may not read it.</summary>
    public void Expel(PullFailure why, long position)
    {
        MayReadTo = Math.Min(MayReadTo, position);
        expelled = why;
    }

    /// <summary>Its upstream has answered, while there was nothing here yet to compare that with.</summary>
    public void Answered() => Fill.Proven.Add(this);

    public void Proven()
    {
        isProven = true;
        expelled = null;
        Fill.Proven.Add(this);
    }

    /// <summary>It reads only a part of the blob, of so many bytes.</summary>
    public void WantsOnly(long length) => Wants = length;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref left, 1) == 0)
        {
            Fill.Leave(this);
        }
    }
}
