using System.Collections.Concurrent;
using System.Data.Common;
using Dapper;
using Microsoft.Extensions.Logging;

namespace Millpond.Server.Catalog;

/// <summary>
/// The one thread that writes. What has queued up while it was busy is committed together (group commit), each write under a
/// savepoint, so that one that fails takes nothing of its neighbours along.
/// </summary>
internal sealed partial class CatalogWriter
{
    /// <summary>Bounds how long the first of a group waits for its commit, and what a lost group has to repeat.</summary>
    private const int MostTogether = 256;

    private const string Savepoint = "one_write";

    private static readonly TimeSpan UnwrittenIsLoggedEvery = TimeSpan.FromMinutes(1);

    private readonly BlockingCollection<PendingWrite> queue = [];
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly DbConnection connection;
    private readonly Dialect dialect;
    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private long? unwrittenLoggedAt;
    private bool? durable;
    private volatile string? trouble;

    /// <summary>Takes over an open connection.</summary>
    public CatalogWriter(DbConnection connection, Dialect dialect, string path, TimeProvider time, ILogger log)
    {
        this.connection = connection;
        this.dialect = dialect;
        this.path = path;
        this.time = time;
        this.log = log;
        new Thread(Run) { IsBackground = true, Name = "catalog writer" }.Start();
    }

    /// <summary>Why the last transaction could not be committed, other than by a full disk; null when it could.</summary>
    public string? Trouble => trouble;

    /// <summary>Queues a write. The task ends when it is committed. A write may be run twice, so that it must be one that can be repeated.</summary>
    /// <param name="durable">Whether it must survive a power cut once the task has ended.</param>
    public Task WriteAsync(Action<DbConnection> write, bool durable = false)
    {
        var pending = new PendingWrite(write, durable);
        try
        {
            queue.Add(pending);
        }
        catch (InvalidOperationException)
        {
            return Task.FromException(new ObjectDisposedException(nameof(CatalogDatabase)));
        }

        return pending.Done.Task;
    }

    /// <summary>Commits what is queued and closes the connection.</summary>
    public async Task EndAsync()
    {
        queue.CompleteAdding();
        await ended.Task;
    }

    private void Run()
    {
        var group = new List<PendingWrite>(MostTogether);
        foreach (var first in queue.GetConsumingEnumerable())
        {
            group.Clear();
            group.Add(first);
            while (group.Count < MostTogether && queue.TryTake(out var next))
            {
                group.Add(next);
            }

            if (group.Count == 1 || !TryCommitTogether(group))
            {
                group.ForEach(CommitAlone);
            }
        }

        connection.Dispose();
        ended.SetResult();
    }

    /// <summary>False where the transaction was lost, and with it all that was written in it: a full disk, a failing one.</summary>
    private bool TryCommitTogether(List<PendingWrite> group)
    {
        var failures = new Exception?[group.Count];
        try
        {
            SetDurability(group.Exists(write => write.Durable));
            using var transaction = connection.BeginTransaction();
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
        }
        catch (Exception lost) when (lost is DbException or InvalidOperationException)
        {
            return false;
        }

        trouble = null;
        for (var i = 0; i < failures.Length; i++)
        {
            End(group[i], failures[i]);
        }

        return true;
    }

    private void CommitAlone(PendingWrite pending)
    {
        var failure = Try(connection =>
        {
            SetDurability(pending.Durable);
            using var transaction = connection.BeginTransaction();
            pending.Write(connection);
            transaction.Commit();
        });
        trouble = failure is DbException && !dialect.IsFull(failure) ? failure.Message : null;
        End(pending, failure);
    }

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
            connection.Execute(wanted ? dialect.Durable : dialect.Relaxed);
            durable = wanted;
        }
    }

    private sealed class PendingWrite(Action<DbConnection> write, bool durable)
    {
        public Action<DbConnection> Write { get; } = write;

        public bool Durable { get; } = durable;

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
