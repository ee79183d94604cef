namespace Millpond.Server.Bounded;

/// <summary>Memory that bodies may take at once, so that many large ones together do not take what others need.</summary>
/// <param name="limit">Bytes.</param>
public sealed class ByteRoom(long limit)
{
    private long taken;

    /// <summary>False where there is no room for so many bytes now; then nothing is taken.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref taken, bytes) <= limit)
        {
            return true;
        }

        Return(bytes);
        return false;
    }

    /// <summary>Gives back what was taken.</summary>
    public void Return(long bytes) => Interlocked.Add(ref taken, -bytes);
}
