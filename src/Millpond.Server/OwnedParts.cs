namespace Millpond.Server;

/// <summary>The parts of a server that must be let go, last made first.</summary>
internal sealed class OwnedParts : IAsyncDisposable
{
    private readonly Stack<object> parts = [];

    public T Add<T>(T part)
        where T : class
    {
        parts.Push(part);
        return part;
    }

    public async ValueTask DisposeAsync()
    {
        while (parts.TryPop(out var part))
        {
            if (part is IAsyncDisposable later)
            {
                await later.DisposeAsync();
            }
            else if (part is IDisposable now)
            {
                now.Dispose();
            }
        }
    }
}
