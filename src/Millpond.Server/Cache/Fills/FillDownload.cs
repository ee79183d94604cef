using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Governing;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Fills;

/// <summary>What a fill needs to do its download: upstreams, store, catalog. Each fill is one call of <see cref="RunAsync"/>.</summary>
internal sealed partial class FillDownload(
    GovernedUpstreams upstreams, BlobStore store, FillFinish finish, DiskRoom eviction, NegativeCache negative, LinkMemory known,
    TimeProvider time, MillpondMetrics metrics, ILogger<FillDownload> log)
{
    /// <summary>One read of a partial that is hashed again.</summary>
    private const int BlockSize = 256 * 1024;

    /// <summary>Downloads the blob, releases it to its readers as it grows, and commits it. Throws nothing: whatever ends it, readers are told.</summary>
    public async Task<FillOutcome> RunAsync(Fill fill)
    {
        using var run = new FillRun(fill, time.GetTimestamp());
        try
        {
            return await DownloadAsync(run);
        }
        catch (FillFailedException failed)
        {
            await EndAsync(run, failed.Failure);
        }
        catch (OperationCanceledException) when (fill.Pausing.IsCancellationRequested)
        {
            await PauseAsync(run);
        }
        catch (Exception unexpected)
        {
            // The border of a fill: what nobody foresaw ends it as a failure, told to its readers, and leaves no file open.
            Log.Unexpected(log, fill.Digest, fill.LedBy.Repository, unexpected);
            await EndAsync(run, new PullFailure(
                PullFailureKind.UpstreamFailed, "the download failed inside this server; its log has the details", fill.LedBy.Rule.Prefix,
                fill.LedBy.Rule.UpstreamName));
        }

        return FillOutcome.Ended;
    }

    private async Task<FillOutcome> DownloadAsync(FillRun run)
    {
        var fill = run.Fill;
        if (await IsStoredAsync(fill))
        {
            fill.StartWithout(new FillBegin.Stored());
            return FillOutcome.Ended;
        }

        if (NeverFits(fill))
        {
            await PassThroughAsync(run, fill.Size);
            return FillOutcome.Ended;
        }

        if (store.HasPartial(fill.Digest) && (fill.MayResume || store.HasOwnPartial(known, fill.LedBy, fill.Digest)))
        {
            // Off the asker's stack, who may leave while gigabytes are hashed.
            await Task.Yield();
            run.Staging = TakeUpPartial(fill, run.Hash);
        }

        using var body = new ResumingBody(
            upstreams, fill.LedBy, fill.Digest, () => fill.Asker, run.Staging?.Written ?? 0, end: null, fill.Size ?? run.Staging?.Size, time, metrics)
        {
            Others = fill.Proven,
            TakenOver = (from, to, at) =>
            {
                fill.TakeOver(from, to, at);
                if (at > 0)
                {
                    run.Staging?.Disown();
                }

                Log.TakenOver(log, fill.Digest, to.Repository, to.Rule.UpstreamName, at, from.Rule.UpstreamName);
            },
        };
        if ((run.Staging is null || body.Size != run.Staging.Written) && !await BeginAsync(run, body))
        {
            return FillOutcome.Ended;
        }

        return await CopyAsync(run, body) ? await finish.RunAsync(run, body) : FillOutcome.Ended;
    }

    /// <summary>Has the upstream answer and finds room; false where the fill has ended with it.</summary>
    private async Task<bool> BeginAsync(FillRun run, ResumingBody body)
    {
        var fill = run.Fill;
        var leader = fill.LedBy;
        var version = upstreams[leader.Rule].CredentialVersion;
        if (await OpenAsync(run, body) is { } failure)
        {
            if (body.Target == leader)
            {
                negative.Learn(leader.Repository, NegativeCache.Blob(fill.Digest), version, body.LastResult!);
            }

            await EndAsync(run, failure);
            return false;
        }

        if (body.Position == 0 && run.Staging is { } unusable)
        {
            run.Staging = null;
            await unusable.DiscardAsync();
            run.Hash.GetHashAndReset();
        }

        var room = body.Size is { } size ? size - body.Position : FillCopy.UnknownSizeStep;
        run.Promise = eviction.TryPromise(room);
        if (run.Promise is null)
        {
            // What was lost of it takes no room, and nothing need be evicted for that.
            await finish.ForgetLostAsync(fill.Digest);
            run.Promise = await eviction.MakeRoomAsync(room);
        }

        if (run.Promise is null)
        {
            await PassThroughAsync(run, body.Size);
            return false;
        }

        run.Staging ??= store.Begin(fill.Digest, body.Size, fill.LedBy.Rule.Prefix, fill.LedBy.Repository.ToString(), known.At(fill.LedBy).Origin.Id);
        return true;
    }

    private static async Task<PullFailure?> OpenAsync(FillRun run, ResumingBody body)
    {
        var fill = run.Fill;
        var failure = await body.OpenAsync(fill.Pausing);
        if (run.Staging is not null && body.LastResult is { Outcome: UpstreamOutcome.BadAnswer })
        {
            // By chance (a blob host that refuses a signed URL), or because the partial is no beginning of what upstream has: once more,
            // and then from the first byte, before the upstream is blamed.
            failure = await body.OpenAsync(fill.Pausing);
            if (body.LastResult is { Outcome: UpstreamOutcome.BadAnswer })
            {
                body.StartOver(fill.Size);
                failure = await body.OpenAsync(fill.Pausing);
            }
        }

        return failure;
    }

    /// <summary>Whether it was stored after the pull had looked for it: two who look at the same moment must not download it twice.</summary>
    private async ValueTask<bool> IsStoredAsync(Fill fill)
    {
        // The file first: where there is none, which is the rule, the catalog has nothing to say.
        if (store.FindLength(fill.Digest) is null)
        {
            return false;
        }

        using var stored = (await known.FindStoredSizeAsync(fill.Digest) ?? fill.Size) is { } length ? store.TryOpen(fill.Digest, length) : null;
        return stored is not null;
    }

    /// <summary>A partial from before, re-hashed; null where there is none or it cannot be used.</summary>
    private Staging? TakeUpPartial(Fill fill, IncrementalHash hash)
    {
        Staging? staging = null;
        try
        {
            staging = store.TryResume(fill.Digest);
            if (staging is null)
            {
                return null;
            }

            if (staging.Written > fill.Size)
            {
                _ = staging.DiscardAsync();
                return null;
            }

            var scratch = ArrayPool<byte>.Shared.Rent(BlockSize);
            for (var at = 0L; at < staging.Written;)
            {
                var count = staging.Read(scratch.AsSpan(0, (int)Math.Min(scratch.Length, staging.Written - at)), at);
                if (count == 0)
                {
                    throw new IOException($"The file ends at byte {at} of {staging.Written}.");
                }

                hash.AppendData(scratch, 0, count);
                at += count;
            }

            ArrayPool<byte>.Shared.Return(scratch);
            return staging;
        }
        catch (Exception broken) when (broken is IOException or UnauthorizedAccessException)
        {
            Log.PartialUnreadable(log, fill.Digest, broken);
            _ = staging?.DiscardAsync();
            store.DropPartial(fill.Digest);
            hash.GetHashAndReset();
            return null;
        }
    }

    private async Task<bool> CopyAsync(FillRun run, ResumingBody body)
    {
        if (await new FillCopy(run, body, eviction, time, log).RunAsync() is not { } full)
        {
            return true;
        }

        var fill = run.Fill;
        Log.CannotStore(log, fill.Digest, full.Message);
        metrics.PassedThrough(fill.LedBy.Rule.UpstreamName);
        metrics.FillEnded(fill.LedBy.Rule.UpstreamName, "passed_through");
        fill.StopStoring();
        await run.Staging!.DiscardAsync();
        return false;
    }

    /// <summary>Whether it need not even be asked for: each client asks for it by itself.</summary>
    private bool NeverFits(Fill fill) => fill.Size is { } size && !store.Disk.CouldEverFit(size) && !store.HasPartial(fill.Digest);

    private async Task PassThroughAsync(FillRun run, long? size)
    {
        var (fill, name) = (run.Fill, run.Fill.LedBy.Rule.UpstreamName);
        metrics.PassedThrough(name);
        metrics.FillEnded(name, "passed_through");
        Log.PassedThrough(log, fill.Digest, fill.LedBy.Repository, size ?? -1);
        if (run.Staging is not null)
        {
            await run.Staging.KeepAsync();
        }

        fill.StartWithout(new FillBegin.PassedThrough(), size);
    }

    private async Task EndAsync(FillRun run, PullFailure failure)
    {
        var fill = run.Fill;
        fill.Fail(failure);
        metrics.FillEnded(fill.LedBy.Rule.UpstreamName, LabelText.Of(failure.Kind));
        Log.Failed(log, fill.Digest, fill.LedBy.Repository, run.Staging?.Written ?? 0, failure.Reason);
        await finish.ForgetLostAsync(fill.Digest);
        if (run.Staging is not null)
        {
            await run.Staging.KeepAsync();
        }
    }

    private async Task PauseAsync(FillRun run)
    {
        var fill = run.Fill;
        fill.Fail(new PullFailure(
            PullFailureKind.UpstreamUnreachable, "the download was paused because this server stops or nobody waited for it; pull again",
            fill.LedBy.Rule.Prefix, fill.LedBy.Rule.UpstreamName, TimeSpan.FromSeconds(1)));
        if (run.Staging is not null)
        {
            await run.Staging.KeepAsync();
        }

        metrics.FillEnded(fill.LedBy.Rule.UpstreamName, "paused");
        Log.Paused(log, fill.Digest, fill.LedBy.Repository, run.Staging?.Written ?? 0);
    }

    private static partial class Log
    {
        [LoggerMessage(1103, LogLevel.Information, "Paused {Digest} for {Repository} after {Bytes} bytes, which are kept")]
        public static partial void Paused(ILogger logger, Digest digest, RepositoryName repository, long bytes);

        [LoggerMessage(1104, LogLevel.Warning, "Could not fill {Digest} for {Repository} ({Bytes} bytes are kept): {Reason}")]
        public static partial void Failed(ILogger logger, Digest digest, RepositoryName repository, long bytes, string reason);

        [LoggerMessage(1106, LogLevel.Warning, "{Digest} for {Repository} ({Size} bytes) does not fit on the disk and is passed through without storing; enlarge the disk or storage.limit")]
        public static partial void PassedThrough(ILogger logger, Digest digest, RepositoryName repository, long size);

        [LoggerMessage(1107, LogLevel.Warning, "{Digest} could not be stored: {Reason}")]
        public static partial void CannotStore(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1109, LogLevel.Warning, "The partial download of {Digest} cannot be read and is thrown away")]
        public static partial void PartialUnreadable(ILogger logger, Digest digest, Exception exception);

        [LoggerMessage(1110, LogLevel.Error, "The fill of {Digest} for {Repository} failed inside the server")]
        public static partial void Unexpected(ILogger logger, Digest digest, RepositoryName repository, Exception exception);

        [LoggerMessage(1111, LogLevel.Warning, "{Digest} goes on from {Upstream} for {Repository} at byte {Position}, because {Former} failed")]
        public static partial void TakenOver(ILogger logger, Digest digest, RepositoryName repository, string upstream, long position, string former);
    }
}
