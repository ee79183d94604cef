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

    /// <summary>Begins to make a part beside the others; it is let go like them, also where nobody came to take it.</summary>
    public BegunPart<T> Begin<T>(Func<T> make)
        where T : class => Add(new BegunPart<T>(Task.Run(make)));

    public async ValueTask DisposeAsync()
    {
        while (parts.TryPop(out var part))
        {
            await LetGoAsync(part);
        }
    }

    private static async ValueTask LetGoAsync(object part)
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

    /// <summary>A part that is being made.</summary>
    internal sealed class BegunPart<T>(Task<T> making) : IAsyncDisposable
        where T : class
    {
        /// <summary>Waits for it; throws what making it threw.</summary>
        public T Take() => making.GetAwaiter().GetResult();

        public async ValueTask DisposeAsync()
        {
            await ((Task)making).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (making.IsCompletedSuccessfully)
            {
                await LetGoAsync(await making);
            }
        }
    }
}
