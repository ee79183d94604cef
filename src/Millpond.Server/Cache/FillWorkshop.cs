using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>What a fill needs to do its download: upstreams, store, catalog. Each fill is one call of <see cref="RunAsync"/>.</summary>
internal sealed partial class FillWorkshop(
    GovernedUpstreams upstreams, BlobStore store, CatalogDatabase catalog, Eviction eviction, NegativeCache negative, KnownBlobs known,
    TimeProvider time, MillpondMetrics metrics, ILogger<FillWorkshop> log)
{
    /// <summary>One read of upstream: large enough that a block costs little beside its copy and hash.</summary>
    private const int BlockSize = 256 * 1024;

    /// <summary>What is promised at once to a download whose size nobody said.</summary>
    private const long UnknownSizeStep = 4L * 1024 * 1024;

    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(30);

    /// <summary>Downloads the blob, releases it to its readers as it grows, and commits it.</summary>
    /// <param name="fill">Whose readers wait.</param>
    /// <param name="resume">Whether a partial from an earlier run may be used.</param>
    /// <returns>True where a damaged partial from an earlier run made it fail: worth one more run from zero.</returns>
    public async Task<bool> RunAsync(Fill fill, bool resume)
    {
        if (IsStored(fill))
        {
            fill.StartStored();
            return false;
        }

        if (NeverFits(fill))
        {
            await PassThroughAsync(fill, null, fill.Size, fill.Target.Rule.UpstreamName);
            return false;
        }

        var begun = time.GetTimestamp();
        var upstream = upstreams[fill.Target.Rule];
        var version = upstream.CredentialVersion;
        using var hash = IncrementalHash.CreateHash(fill.Digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        var staging = resume ? TakeUpPartial(fill, hash) : null;
        using var body = new ResumingBody(
            upstream, fill.Target, fill.Digest, () => fill.Reason, staging?.Written ?? 0, end: null, fill.Size ?? staging?.Size, time, metrics);
        DiskPromise? promise = null;
        try
        {
            if (staging is null || body.Size != staging.Written)
            {
                var failure = await OpenAsync(fill, body, isResume: staging is not null);
                if (failure is null && body.Position == 0 && staging is not null)
                {
                    await staging.DiscardAsync();
                    staging = null;
                    hash.GetHashAndReset();
                }

                if (failure is not null)
                {
                    negative.Learn(fill.Target.Repository, NegativeCache.Blob(fill.Digest), version, body.LastResult!);
                    await EndAsync(fill, staging, failure);
                    return false;
                }

                promise = eviction.MakeRoom(body.Size is { } size ? size - body.Position : UnknownSizeStep);
                staging ??= promise is null ? null : TryBegin(fill, body.Size);
                if (staging is null || promise is null)
                {
                    await PassThroughAsync(fill, staging, body.Size, upstream.Rule.UpstreamName);
                    return false;
                }
            }

            fill.Start(staging, body.Size);
            if (promise is not null)
            {
                staging.ReserveInBackground(promise);
            }

            if (!await CopyAsync(fill, staging, body, hash, promise))
            {
                return false;
            }

            return await FinishAsync(fill, staging, hash, upstream, body, begun);
        }
        catch (FillFailedException failed)
        {
            await EndAsync(fill, staging, failed.Failure);
            return false;
        }
        catch (OperationCanceledException) when (fill.Pausing.IsCancellationRequested)
        {
            await PauseAsync(fill, staging);
            return false;
        }
        finally
        {
            promise?.Dispose();
        }
    }

    public void LogUnexpected(Fill fill, Exception exception) => Log.Unexpected(log, fill.Digest, fill.Target.Repository, exception);

    private static async Task<PullFailure?> OpenAsync(Fill fill, ResumingBody body, bool isResume)
    {
        var failure = await body.OpenAsync(fill.Pausing);
        if (isResume && body.LastResult is { Outcome: UpstreamOutcome.BadAnswer })
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
    private bool IsStored(Fill fill) =>
        store.FindLength(fill.Digest) is { } length && length == (known.FindStoredSize(fill.Digest) ?? fill.Size ?? length);

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
                hash.AppendData(scratch, 0, count);
                at += count;
            }

            ArrayPool<byte>.Shared.Return(scratch);
            return staging;
        }
        catch (IOException broken)
        {
            Log.PartialUnreadable(log, fill.Digest, broken);
            _ = staging?.DiscardAsync();
            hash.GetHashAndReset();
            return null;
        }
    }

    private Staging? TryBegin(Fill fill, long? size)
    {
        try
        {
            return store.Begin(fill.Digest, size, fill.Target.Rule.Prefix, fill.Target.Repository.ToString());
        }
        catch (IOException full)
        {
            Log.CannotStore(log, fill.Digest, full.Message);
            return null;
        }
    }

    private async Task<bool> CopyAsync(Fill fill, Staging staging, ResumingBody body, IncrementalHash hash, DiskPromise? promise)
    {
        var block = ArrayPool<byte>.Shared.Rent(BlockSize);
        try
        {
            var reported = time.GetTimestamp();
            ReleaseWithheld(fill, staging, staging.Written, 0);
            while (true)
            {
                var count = await body.ReadAsync(block.AsMemory(0, BlockSize), fill.Pausing);
                if (count == 0)
                {
                    return true;
                }

                hash.AppendData(block, 0, count);
                try
                {
                    if (promise?.Left < count && body.Size is null && !eviction.TryExtend(promise, UnknownSizeStep))
                    {
                        throw new IOException("It does not fit on the disk.");
                    }

                    staging.Append(block.AsSpan(0, count));
                }
                catch (IOException full)
                {
                    Log.CannotStore(log, fill.Digest, full.Message);
                    metrics.PassedThrough(fill.Target.Rule.UpstreamName);
                    metrics.FillEnded(fill.Target.Rule.UpstreamName, "passed_through");
                    fill.StopStoring();
                    await staging.DiscardAsync();
                    return false;
                }

                promise?.Written(count);
                ReleaseWithheld(fill, staging, staging.Written, count);
                if (body.Size is { } size && staging.Size is null)
                {
                    staging.SetSize(size);
                }

                if (time.GetElapsedTime(reported) >= ReportEvery)
                {
                    reported = time.GetTimestamp();
                    Log.Progress(log, fill.Digest, fill.Target.Repository, staging.Written, body.Size ?? -1, fill.Readers);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>Keeps back the block that ends the blob: the last one where the size is known, else always the newest.</summary>
    private static void ReleaseWithheld(Fill fill, Staging staging, long written, int newest)
    {
        var mayBeLast = fill.Size is not { } size || written >= size;
        if (!mayBeLast)
        {
            fill.Release(written);
        }
        else if (newest > 0 && written > newest)
        {
            fill.Release(written - newest);
        }
    }

    private async Task<bool> FinishAsync(Fill fill, Staging staging, IncrementalHash hash, GovernedUpstream upstream, ResumingBody body, long begun)
    {
        var actual = Digest.FromHash(fill.Digest.Algorithm, hash.GetHashAndReset());
        if (actual != fill.Digest)
        {
            var damaged = staging.ResumedFrom > 0;
            var reason = damaged
                ? $"the partial download of {fill.Digest} from before was damaged; it is fetched again from its first byte"
                : $"{upstream.Rule.UpstreamName} sent {staging.Written} bytes for {fill.Digest} whose digest is {actual}";
            if (!damaged)
            {
                upstream.Governor.BodyFailed(reason);
            }

            fill.Fail(new PullFailure(PullFailureKind.UpstreamFailed, reason, upstream.Rule.Prefix, upstream.Rule.UpstreamName));
            metrics.FillEnded(upstream.Rule.UpstreamName, damaged ? "damaged" : "wrong_digest");
            Log.WrongDigest(log, fill.Target.Repository, reason);
            await staging.DiscardAsync();
            return damaged;
        }

        fill.Complete(staging.Written);
        if (body.LastResult is not null)
        {
            upstream.Governor.BodyCame();
        }

        await CommitAsync(fill, staging);
        var seconds = time.GetElapsedTime(begun).TotalSeconds;
        metrics.FillEnded(upstream.Rule.UpstreamName, "stored");
        Log.Filled(log, fill.Digest, fill.Target.Repository, staging.Written, seconds.ToString("0.000", CultureInfo.InvariantCulture), body.Resumes, staging.ResumedFrom);
        return false;
    }

    private async Task CommitAsync(Fill fill, Staging staging)
    {
        // Before its file is there, so that nobody takes that for a file the catalog does not list.
        known.Stored(fill.Digest, staging.Written);
        try
        {
            await staging.CommitAsync();
        }
        catch (IOException failed)
        {
            known.Forget(fill.Digest);
            Log.CannotStore(log, fill.Digest, failed.Message);
            await staging.DiscardAsync();
            return;
        }

        try
        {
            await catalog.PutBlobAsync(fill.Digest, staging.Written, fill.Target.Repository, fill.Target.Rule.Prefix, time.GetUtcNow());
        }
        catch (CatalogUnwrittenException full)
        {
            // The file is there and is adopted when it is next asked for.
            Log.CannotRecord(log, fill.Digest, full.Message);
        }
    }

    /// <summary>Whether it need not even be asked for: each client asks for it by itself. Only of what is proven to belong to the repository.</summary>
    private bool NeverFits(Fill fill) =>
        fill.Size is { } size && !store.Disk.CouldEverFit(size) && !store.HasPartial(fill.Digest) && known.IsLinked(fill.Target.Repository, fill.Digest);

    private async Task PassThroughAsync(Fill fill, Staging? staging, long? size, string upstream)
    {
        metrics.PassedThrough(upstream);
        metrics.FillEnded(upstream, "passed_through");
        Log.PassedThrough(log, fill.Digest, fill.Target.Repository, size ?? -1);
        if (staging is not null)
        {
            await staging.KeepAsync();
        }

        fill.StartWithoutStoring(size);
    }

    private async Task EndAsync(Fill fill, Staging? staging, PullFailure failure)
    {
        fill.Fail(failure);
        metrics.FillEnded(fill.Target.Rule.UpstreamName, LabelText.Of(failure.Kind));
        Log.Failed(log, fill.Digest, fill.Target.Repository, staging?.Written ?? 0, failure.Reason);
        if (staging is not null)
        {
            await staging.KeepAsync();
        }
    }

    private async Task PauseAsync(Fill fill, Staging? staging)
    {
        fill.Fail(new PullFailure(
            PullFailureKind.UpstreamUnreachable, "the download was paused because this server stops or nobody waited for it; pull again",
            fill.Target.Rule.Prefix, fill.Target.Rule.UpstreamName, TimeSpan.FromSeconds(1)));
        if (staging is not null)
        {
            await staging.KeepAsync();
        }

        metrics.FillEnded(fill.Target.Rule.UpstreamName, "paused");
        Log.Paused(log, fill.Digest, fill.Target.Repository, staging?.Written ?? 0);
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Information, "Filled {Digest} for {Repository}: {Bytes} bytes in {Seconds} s, {Resumes} resumes, {FromPartial} bytes from a partial")]
        public static partial void Filled(ILogger logger, Digest digest, RepositoryName repository, long bytes, string seconds, int resumes, long fromPartial);

        [LoggerMessage(1102, LogLevel.Information, "Filling {Digest} for {Repository}: {Bytes} of {Size} bytes, {Readers} readers")]
        public static partial void Progress(ILogger logger, Digest digest, RepositoryName repository, long bytes, long size, int readers);

        [LoggerMessage(1103, LogLevel.Information, "Paused {Digest} for {Repository} after {Bytes} bytes, which are kept")]
        public static partial void Paused(ILogger logger, Digest digest, RepositoryName repository, long bytes);

        [LoggerMessage(1104, LogLevel.Warning, "Could not fill {Digest} for {Repository} ({Bytes} bytes are kept): {Reason}")]
        public static partial void Failed(ILogger logger, Digest digest, RepositoryName repository, long bytes, string reason);

        [LoggerMessage(1105, LogLevel.Warning, "Refused content for {Repository}: {Reason}")]
        public static partial void WrongDigest(ILogger logger, RepositoryName repository, string reason);

        [LoggerMessage(1106, LogLevel.Warning, "{Digest} for {Repository} ({Size} bytes) does not fit on the disk and is passed through without storing; enlarge the disk or storage.limit")]
        public static partial void PassedThrough(ILogger logger, Digest digest, RepositoryName repository, long size);

        [LoggerMessage(1107, LogLevel.Warning, "{Digest} could not be stored: {Reason}")]
        public static partial void CannotStore(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1108, LogLevel.Warning, "{Digest} is stored but could not be recorded: {Reason}")]
        public static partial void CannotRecord(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1109, LogLevel.Warning, "The partial download of {Digest} cannot be read and is thrown away")]
        public static partial void PartialUnreadable(ILogger logger, Digest digest, Exception exception);

        [LoggerMessage(1110, LogLevel.Error, "The fill of {Digest} for {Repository} failed inside the server")]
        public static partial void Unexpected(ILogger logger, Digest digest, RepositoryName repository, Exception exception);
    }
}
