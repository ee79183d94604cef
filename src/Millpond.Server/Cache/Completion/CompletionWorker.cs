using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Completion;

/// <summary>Works off the queue of indexes and images: fetches or proves each wanted child and its blobs, below every client in priority.</summary>
internal sealed partial class CompletionWorker(
    CompletionQueue queue, PullThroughRules rules, ManifestPull manifests, ManifestFetch fetch, BlobPull blobs, WantedImages images, LinkMemory known,
    ManifestMemory memory, CatalogDatabase catalog, TimeProvider time, ILogger<CompletionWorker> log)
{
    /// <summary>Indexes worked on at once.</summary>
    private const int Workers = 2;

    private const int MostAttempts = 5;

    /// <summary>Between two attempts; an outage or a used-up rate limit takes its time.</summary>
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMinutes(5);

    /// <summary>Another program that holds the catalog is seldom gone sooner.</summary>
    private static readonly TimeSpan BetweenReads = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Off the start of the server.
        await Task.Yield();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => WorkAsync(cancellationToken)).Prepend(TakeUpUntilReadAsync(cancellationToken)));
    }

    /// <summary>A catalog that cannot be read now is read later; what is pulled meanwhile is completed meanwhile.</summary>
    private async Task TakeUpUntilReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await TakeUpAsync();
                return;
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                Log.CannotTakeUp(log, failure.Message);
                await Task.Delay(BetweenReads, time, cancellationToken);
            }
        }
    }

    /// <summary>What an earlier run did not come to.</summary>
    private async Task TakeUpAsync()
    {
        foreach (var (repository, index) in await catalog.Incomplete.ListAsync())
        {
            var resolution = rules.Resolve(repository, ns: null, hostName: null, listenerRule: null);
            var target = resolution.Verdict == RuleVerdict.Matched ? resolution.Match : null;

            // Of a prefix that was pointed elsewhere nothing is taken up: it is not here for that one.
            var content = target is not null && await known.IsLinkedAsync(target, index) ? await memory.FindManifestAsync(index) : null;
            var document = content is null ? null : ManifestDocument.TryParse(content.Content, content.MediaType);
            if (target is not null && content is not null && queue.Takes(target, index, document))
            {
                queue.Enqueue(target, index, document);
            }
            else if (target is null || content is null || document is not { Manifests.IsEmpty: true } || !images.TakeUp(target, content))
            {
                // Its rule is gone, or wants no completion any more.
                await EndAsync(repository, index);
            }
        }
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        await foreach (var work in queue.Queue.ReadAllAsync(cancellationToken))
        {
            var failure = await TryCompleteAsync(work, cancellationToken);
            if (work.OnlyProves)
            {
                // What was not proved is proved when it is pulled.
                continue;
            }

            if (failure is null)
            {
                Completed(work);
            }
            else if (failure.Kind is PullFailureKind.Throttled or PullFailureKind.UpstreamUnreachable)
            {
                // A quota lasts for hours, an outage as long as it likes: neither is an attempt.
                Log.Waits(log, work.Target.Repository, work.Index, failure.Reason);
                _ = TryLaterAsync(work, cancellationToken);
            }
            else if (work.Attempt < MostAttempts)
            {
                Log.Waits(log, work.Target.Repository, work.Index, failure.Reason);
                _ = TryLaterAsync(work with { Attempt = work.Attempt + 1 }, cancellationToken);
            }
            else
            {
                queue.Forget(work);
                images.Ended(work.Target, work.Index, isWhole: false);
                Log.GaveUp(log, work.Target.Repository, work.Index, failure.Reason);
            }
        }
    }

    private void Completed(CompletionWork work)
    {
        if (work.IsImage)
        {
            images.Ended(work.Target, work.Index, isWhole: true);
            Log.IsWhole(log, work.Target.Repository, work.Index);
        }
        else
        {
            Log.Completed(log, work.Target.Repository, work.Index, work.Children.Count);
        }
    }

    private async Task<PullFailure?> TryCompleteAsync(CompletionWork work, CancellationToken cancellationToken)
    {
        try
        {
            var failure = await CompleteAsync(work, cancellationToken);
            if (failure is null && !work.OnlyProves)
            {
                await EndAsync(work.Target.Repository, work.Index);
            }

            return failure;
        }
        catch (Exception unexpected) when (!cancellationToken.IsCancellationRequested)
        {
            // One index that cannot be completed must not end the completion of all others.
            Log.Unexpected(log, work.Target.Repository, work.Index, unexpected);
            return new PullFailure(PullFailureKind.UpstreamFailed, "it failed inside this server");
        }
    }

    private async Task<PullFailure?> CompleteAsync(CompletionWork work, CancellationToken cancellationToken)
    {
        if (!rules.Allows(work.Target.Rule, work.Target.UpstreamRepository))
        {
            return null;
        }

        PullFailure? last = null;
        foreach (var child in work.Children)
        {
            if (work.OnlyProves && !ManifestDocument.IsKnown(child.MediaType))
            {
                last = await blobs.FetchAsync(work.Target, child.Digest, child.Size, RequestReason.Completion, cancellationToken) ?? last;
                continue;
            }

            var manifest = await memory.FindManifestAsync(child.Digest) is not null && await known.IsLinkedAsync(work.Target, child.Digest)
                ? await manifests.ByDigestAsync(work.Target, child.Digest, new PullOptions(NoCache: false, OnlyIfCached: true), cancellationToken)
                : await fetch.RunAsync(work.Target, child.Digest.ToString(), null, null, RequestReason.Completion, cancellationToken);
            if (!manifest.IsFound)
            {
                // A child that is gone upstream will not come back; the others still may.
                last = manifest.Failure.Kind == PullFailureKind.ManifestUnknown ? last : manifest.Failure;
                continue;
            }

            if (work.OnlyProves)
            {
                continue;
            }

            var document = ManifestDocument.TryParse(manifest.Value.Content, manifest.Value.MediaType);
            foreach (var blob in document?.Blobs.Where(static blob => !blob.IsForeign) ?? [])
            {
                last = await blobs.FetchAsync(work.Target, blob.Digest, blob.Size, RequestReason.Completion, cancellationToken) ?? last;
            }
        }

        return last;
    }

    /// <summary>Unwritten, the next start looks at it once more and finds it complete.</summary>
    private Task EndAsync(RepositoryName repository, Digest index) => catalog.Incomplete.RemoveAsync(repository, index).OrUnwrittenAsync();

    private async Task TryLaterAsync(CompletionWork work, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(BetweenAttempts, time, cancellationToken);
            queue.Again(work);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1506, LogLevel.Warning, "What an earlier run did not complete cannot be looked up; it is tried again in a minute: {Reason}")]
        public static partial void CannotTakeUp(ILogger logger, string reason);

        [LoggerMessage(1505, LogLevel.Information, "Image {Manifest} of {Repository} is whole: all its blobs are here")]
        public static partial void IsWhole(ILogger logger, RepositoryName repository, Digest manifest);

        [LoggerMessage(1501, LogLevel.Information, "Completed index {Index} of {Repository}: {Children} children are here")]
        public static partial void Completed(ILogger logger, RepositoryName repository, Digest index, int children);

        [LoggerMessage(1502, LogLevel.Information, "Completion of index {Index} of {Repository} waits and is tried again: {Reason}")]
        public static partial void Waits(ILogger logger, RepositoryName repository, Digest index, string reason);

        [LoggerMessage(1504, LogLevel.Error, "Completion of index {Index} of {Repository} failed inside the server")]
        public static partial void Unexpected(ILogger logger, RepositoryName repository, Digest index, Exception exception);

        [LoggerMessage(1503, LogLevel.Warning, "Gave up completing index {Index} of {Repository}: {Reason}")]
        public static partial void GaveUp(ILogger logger, RepositoryName repository, Digest index, string reason);
    }
}
