using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>Works off the queue of indexes: fetches each wanted child and its blobs, below every client in priority.</summary>
internal sealed partial class CompletionWorker(
    CompletionQueue queue, PullThroughRules rules, ManifestPull manifests, ManifestFetch fetch, BlobPull blobs, KnownBlobs known, ManifestMemory memory,
    CatalogDatabase catalog, TimeProvider time, ILogger<CompletionWorker> log)
{
    /// <summary>Indexes worked on at once.</summary>
    private const int Workers = 2;

    private const int MostAttempts = 5;

    /// <summary>Between two attempts; an outage or a used-up rate limit takes its time.</summary>
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMinutes(5);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Off the start of the server.
        await Task.Yield();
        await TakeUpAsync();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => WorkAsync(cancellationToken)));
    }

    /// <summary>What an earlier run did not come to.</summary>
    private async Task TakeUpAsync()
    {
        foreach (var (repository, index) in catalog.ListIncomplete())
        {
            var resolution = rules.Resolve(repository, ns: null, hostName: null, listenerRule: null);
            var document = memory.FindManifest(index) is { } content ? ManifestDocument.TryParse(content.Content, content.MediaType) : null;
            if (resolution is { Verdict: RuleVerdict.Matched, Match: { } target } && queue.Takes(target, index, document))
            {
                queue.Enqueue(target, index, document);
            }
            else
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
            if (failure is null)
            {
                await EndAsync(work.Target.Repository, work.Index);
                Log.Completed(log, work.Target.Repository, work.Index, work.Children.Count);
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
                Log.GaveUp(log, work.Target.Repository, work.Index, failure.Reason);
            }
        }
    }

    private async Task<PullFailure?> TryCompleteAsync(CompletionWork work, CancellationToken cancellationToken)
    {
        try
        {
            return await CompleteAsync(work, cancellationToken);
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
            var manifest = memory.FindManifest(child.Digest) is not null && known.IsLinked(work.Target.Repository, child.Digest)
                ? await manifests.ByDigestAsync(work.Target, child.Digest, new PullOptions(NoCache: false, OnlyIfCached: true), cancellationToken)
                : await fetch.RunAsync(work.Target, child.Digest.ToString(), null, null, RequestReason.Completion, cancellationToken);
            if (!manifest.IsFound)
            {
                // A child that is gone upstream will not come back; the others still may.
                last = manifest.Failure.Kind == PullFailureKind.ManifestUnknown ? last : manifest.Failure;
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
    private Task EndAsync(RepositoryName repository, Digest index) => catalog.SetCompleteAsync(repository, index).OrUnwrittenAsync();

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
