using Millpond.Images;
using Millpond.Server.Store;

namespace Millpond.Server.Push;

/// <summary>One upload: who may write to it now, and how far it is.</summary>
public sealed class Upload : IDisposable
{
    /// <summary>Who sends nothing for so long has left, for another who goes on.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim writing = new(1, 1);
    private CancellationTokenSource? writer;
    private long lastUsed;

    internal Upload(string id, RepositoryName repository, UploadFile file, long now)
    {
        Id = id;
        Repository = repository;
        File = file;
        lastUsed = now;
    }

    /// <summary>Nobody guesses it: whoever knows it may go on with the upload.</summary>
    public string Id { get; }

    public RepositoryName Repository { get; }

    /// <summary>How many bytes are here.</summary>
    public long Offset => File.Written;

    internal UploadFile File { get; }

    /// <summary>Whether it was finished, cancelled or swept; nobody writes to it then.</summary>
    internal bool IsOver { get; private set; }

    /// <summary>When somebody last wrote to it or asked for it, in ticks of UTC.</summary>
    internal long LastUsed => Volatile.Read(ref lastUsed);

    internal bool IsBusy => writing.CurrentCount == 0;

    internal void Used(long now) => Volatile.Write(ref lastUsed, now);

    /// <summary>
    /// Makes the caller the one writer. Who wrote until now is stopped where nothing comes from him: a client that goes on with an upload has
    /// left its last connection, of which this server may hear much later.
    /// </summary>
    /// <param name="start">Where the caller goes on, if he says so.</param>
    /// <returns>Null where another writes, and the caller does not go on where the upload stands.</returns>
    internal async Task<Turn?> TryTakeTurnAsync(long? start, CancellationToken cancellationToken)
    {
        while (!await writing.WaitAsync(0, cancellationToken))
        {
            var offset = Offset;
            if (start is { } wanted && wanted != offset)
            {
                return null;
            }

            if (await writing.WaitAsync(Silence, cancellationToken))
            {
                break;
            }

            if (Offset == offset)
            {
                return await TakeTurnAsync(cancellationToken);
            }
        }

        return Begin(CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
    }

    /// <summary>Makes the caller the one writer, and stops who wrote until now.</summary>
    internal async Task<Turn> TakeTurnAsync(CancellationToken cancellationToken)
    {
        var own = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            if (!await writing.WaitAsync(0, cancellationToken))
            {
                if (Volatile.Read(ref writer) is { } other)
                {
                    await StopAsync(other);
                }

                // It lets go as soon as it has seen that.
                await writing.WaitAsync(cancellationToken);
            }
        }
        catch
        {
            own.Dispose();
            throw;
        }

        return Begin(own);
    }

    private Turn Begin(CancellationTokenSource own)
    {
        Volatile.Write(ref writer, own);
        return new Turn(this, own);
    }

    internal void End() => IsOver = true;

    /// <summary>At the end of the server alone: lets go of the file and keeps it.</summary>
    public void Dispose()
    {
        File.Dispose();
        writing.Dispose();
    }

    private static async Task StopAsync(CancellationTokenSource other)
    {
        try
        {
            await other.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It has just let go.
        }
    }

    /// <summary>The right to write, until disposed.</summary>
    internal sealed class Turn(Upload upload, CancellationTokenSource own) : IDisposable
    {
        /// <summary>Cancelled where another takes over.</summary>
        public CancellationToken Token => own.Token;

        public void Dispose()
        {
            Interlocked.CompareExchange(ref upload.writer, null, own);
            own.Dispose();
            upload.writing.Release();
        }
    }
}
