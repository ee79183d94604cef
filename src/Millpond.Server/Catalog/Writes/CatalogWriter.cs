using System.Data.Common;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>
/// The one thread that writes. What has queued up while it was busy is committed together (group commit), each write under a
/// savepoint, so that one that fails takes nothing of its neighbours along.
/// </summary>
internal sealed partial class CatalogWriter
{
    /// <summary>Bounds how long the first of a group waits for its commit, and what a lost group has to repeat.</summary>
    private const int MostTogether = 256;

    /// <summary>Writes that wait, some MB: a disk that takes seconds for each commit must not collect them without end.</summary>
    private const int MostQueued = 10_000;

    private const string Savepoint = "one_write";

    private static readonly TimeSpan UnwrittenIsLoggedEvery = TimeSpan.FromMinutes(1);

    // A queue and a monitor, not a BlockingCollection: its reader gives the processor away 140 times before it sleeps, which on two cores is time of the pull that is being answered.
    private readonly object gate = new();
    private readonly Queue<PendingWrite> queue = new();
    private bool isEnding;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly DbConnection connection;
    private readonly Dialect dialect;
    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private long? unwrittenLoggedAt;
    private bool? durable;
    private bool? patient;
    private volatile string? trouble;

    /// <summary>Takes over an open connection.</summary>
    public CatalogWriter(DbConnection connection, Dialect dialect, string path, TimeProvider time, ILogger log)
    {
        this.connection = connection;
        this.dialect = dialect;
        this.path = path;
        this.time = time;
        this.log = log;
        Repositories = new(time);
        new Thread(Run) { IsBackground = true, Name = "catalog writer" }.Start();
    }

    /// <summary>Why the last transaction could not be committed, other than by a full disk; null when it could.</summary>
    public string? Trouble => trouble;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Makes repositories, within writes.</summary>
    public NewRepositories Repositories { get; }

    /// <summary>Queues a write. The task ends when it is committed. A write may be run twice, so that it must be one that can be repeated.</summary>
    /// <param name="durable">Whether it must survive a power cut once the task has ended.</param>
    /// <param name="committed">
    /// What changes in memory by the write: run after its commit and before the next group, never where the write failed. The write itself
    /// must leave memory alone.
    /// </param>
    public Task WriteAsync(Action<DbConnection> write, bool durable = false, Action? committed = null)
    {
        var pending = new PendingWrite(write, durable, committed);
        lock (gate)
        {
            if (isEnding)
            {
                return Task.FromException(new ObjectDisposedException(nameof(CatalogDatabase)));
            }

            if (queue.Count >= MostQueued)
            {
                return Task.FromException(CatalogUnwrittenException.Behind(path, MostQueued));
            }

            queue.Enqueue(pending);
            Monitor.Pulse(gate);
        }

        return pending.Done.Task;
    }

    /// <summary>Commits what is queued and closes the connection.</summary>
    public async Task EndAsync()
    {
        lock (gate)
        {
            isEnding = true;
            Monitor.Pulse(gate);
        }

        await ended.Task;
    }

    private void Run()
    {
        var group = new List<PendingWrite>(MostTogether);
        while (TryTake(group))
        {
            CommitTogether(group);
        }

        connection.Dispose();
        ended.SetResult();
    }

    /// <summary>Waits until there is something to write; false where nothing will come any more.</summary>
    private bool TryTake(List<PendingWrite> group)
    {
        group.Clear();
        lock (gate)
        {
            while (queue.Count == 0 && !isEnding)
            {
                Monitor.Wait(gate);
            }

            while (group.Count < MostTogether && queue.TryDequeue(out var next))
            {
                group.Add(next);
            }
        }

        return group.Count > 0;
    }

    private void CommitTogether(List<PendingWrite> group)
    {
        using var transaction = TryBegin(group);
        if (transaction is null || TryCommit(transaction, group))
        {
            return;
        }

        // The transaction was lost, and with it all that was written in it: a full disk, a failing one. Each is written alone, so that it takes
        // nothing of its neighbours along.
        transaction.Dispose();
        foreach (var one in group)
        {
            using var own = TryBegin([one]);
            if (own is not null)
            {
                CommitAlone(own, one);
            }
        }
    }

    /// <summary>Null where the group cannot begin: all of it has failed then, at once, since the next try would fare no better.</summary>
    private DbTransaction? TryBegin(List<PendingWrite> group)
    {
        try
        {
            SetPatience(patient ?? true);
            SetDurability(group.Exists(write => write.Durable));
            var transaction = connection.BeginTransaction();
            SetPatience(true);
            return transaction;
        }
        catch (Exception failure) when (failure is DbException or InvalidOperationException)
        {
            SetPatience(false);
            SetTrouble(failure);
            group.ForEach(write => End(write, failure));
            return null;
        }
    }

    private bool TryCommit(DbTransaction transaction, List<PendingWrite> group)
    {
        var failures = new Exception?[group.Count];
        try
        {
            for (var i = 0; i < failures.Length; i++)
            {
                transaction.Save(Savepoint);
                failures[i] = Try(group[i].Write);
                if (failures[i] is not null)
                {
                    transaction.Rollback(Savepoint);
                }

                transaction.Release(Savepoint);
            }

            transaction.Commit();
            Repositories.Tell();
        }
        catch (Exception lost) when (lost is DbException or InvalidOperationException)
        {
            return false;
        }

        SetTrouble(group.Count == 1 ? failures[0] : null);
        for (var i = 0; i < failures.Length; i++)
        {
            End(group[i], failures[i]);
        }

        return true;
    }

    private void CommitAlone(DbTransaction transaction, PendingWrite pending)
    {
        var failure = Try(connection =>
        {
            pending.Write(connection);
            transaction.Commit();
            Repositories.Tell();
        });
        SetTrouble(failure);
        End(pending, failure);
    }

    private void SetTrouble(Exception? failure) => trouble = failure is DbException && !dialect.IsFull(failure) ? failure.Message : null;

    /// <summary>Whatever a write throws belongs to its caller; the thread and the neighbours go on.</summary>
    private Exception? Try(Action<DbConnection> write)
    {
        try
        {
            write(connection);
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private void End(PendingWrite pending, Exception? failure)
    {
        if (failure is null)
        {
            pending.Committed?.Invoke();
            pending.Done.SetResult();
            return;
        }

        var isFull = dialect.IsFull(failure);
        if (!isFull && !dialect.IsOutside(failure))
        {
            pending.Done.SetException(failure);
            return;
        }

        var now = time.GetTimestamp();
        if (unwrittenLoggedAt is not { } last || time.GetElapsedTime(last, now) >= UnwrittenIsLoggedEvery)
        {
            unwrittenLoggedAt = now;
            LogUnwritten(isFull, failure);
        }

        pending.Done.SetException(isFull ? CatalogUnwrittenException.Full(path, failure) : CatalogUnwrittenException.Failing(path, failure));
    }

    private void LogUnwritten(bool isFull, Exception failure)
    {
        if (isFull)
        {
            Log.Full(log, path);
        }
        else
        {
            Log.Unwritten(log, path, failure.Message);
        }
    }

    private void SetDurability(bool wanted)
    {
        if (durable != wanted)
        {
            connection.Run(wanted ? dialect.Durable : dialect.Relaxed);
            durable = wanted;
        }
    }

    /// <summary>Whether to wait a moment for another program that holds the database: not again before it has let go.</summary>
    private void SetPatience(bool wanted)
    {
        if (patient != wanted)
        {
            patient = wanted;
            Try(connection => connection.Run(wanted ? dialect.Patient : dialect.Impatient));
        }
    }

    private sealed class PendingWrite(Action<DbConnection> write, bool durable, Action? committed)
    {
        public Action<DbConnection> Write { get; } = write;

        public bool Durable { get; } = durable;

        public Action? Committed { get; } = committed;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The catalog {Path} cannot grow, its disk is full: pulls go on, what they bring is not remembered. Free space on the disk.")]
        public static partial void Full(ILogger logger, string path);

        [LoggerMessage(2, LogLevel.Error, "The catalog {Path} cannot be written: pulls go on, what they bring is not remembered. Check its disk, and that no other program has locked or changed it: {Reason}")]
        public static partial void Unwritten(ILogger logger, string path, string reason);
    }
}
