using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Gets a manifest from upstream, once for all who ask at the same time, and keeps it: bytes, children, links and tag in one transaction.</summary>
internal sealed partial class ManifestFetch(
    GovernedUpstreams upstreams, ManifestMemory memory, KnownBlobs known, NegativeCache negative, CatalogDatabase catalog, CompletionQueue completion,
    TimeProvider time, ILogger<ManifestFetch> log, CancellationToken stopping)
{
    /// <summary>The most a cold pull waits, over all tries (DESIGN: errors).</summary>
    private static readonly TimeSpan ColdBound = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(250);

    private readonly SingleFlight<(RepositoryName, string, string?), PullResult<ManifestContent>> fetches = new(stopping);

    /// <summary>Fetches by tag or digest.</summary>
    /// <param name="reference">What upstream is asked for.</param>
    /// <param name="tag">The tag to set to what comes; null for a pull by digest.</param>
    /// <param name="seen">The tag as the one who asks saw it; null where it was not here.</param>
    public async Task<PullResult<ManifestContent>> RunAsync(
        RuleMatch target, string reference, string? tag, TagEntry? seen, RequestReason reason, CancellationToken cancellationToken)
    {
        var result = await JoinAsync();

        // A client joins what was begun in the background, so that it costs one GET; but that is refused first where little is left of a limit.
        return !reason.IsBackground() && result.Failure is { Kind: PullFailureKind.Throttled } ? await JoinAsync() : result;

        Task<PullResult<ManifestContent>> JoinAsync() =>
            fetches.RunAsync((target.Repository, reference, tag), token => FetchAsync(target, reference, tag, seen, reason, token), cancellationToken);
    }

    /// <summary>Keeps a manifest for this repository that is stored already, and sets the tag where one is given.</summary>
    public async Task KeepAsync(RuleMatch target, ManifestContent content, string? tag)
    {
        var document = ManifestDocument.TryParse(content.Content, content.MediaType);
        var now = time.GetUtcNow();
        memory.SetManifest(content);
        known.Link(target.Repository, content.Digest);
        known.Adopted(target.Repository, content.Digest);
        foreach (var child in document?.LinkedChildren ?? [])
        {
            known.Link(target.Repository, child.Digest);
        }

        try
        {
            await catalog.PutManifestAsync(
                target.Repository, target.Rule.Prefix, new ManifestRow(content.Digest, content.MediaType, content.Content), document, tag, TagOrigin.Pulled, now,
                isIncomplete: completion.Takes(target, content.Digest, document));
        }
        catch (CatalogUnwrittenException full)
        {
            // The pull is served from memory; a catalog that cannot be written never fails it.
            Log.CannotRecord(log, content.Digest, target.Repository, full.Message);
        }

        if (tag is not null)
        {
            memory.SetTag(target.Repository, tag, new TagEntry(content, TagOrigin.Pulled, now, null));
        }

        catalog.Touch(content.Digest, now);
        completion.Enqueue(target, content.Digest, document);
    }

    private async Task<PullResult<ManifestContent>> FetchAsync(
        RuleMatch target, string reference, string? tag, TagEntry? seen, RequestReason reason, CancellationToken cancellationToken)
    {
        if (FindArrived(target, reference, tag, seen) is { } arrived)
        {
            return new PullResult<ManifestContent>(arrived, CacheStatus.Hit, null);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<ManifestBody>(target.Repository, reference, upstream.CredentialVersion) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        var result = await negative.LearnAsync(
            target.Repository, reference, upstream.CredentialVersion, AskAsync(target, upstream, reference, reason, cancellationToken));
        if (!result.IsFound)
        {
            return result.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        var body = result.Value;
        var content = Typed(body);
        await KeepAsync(target, content, tag);
        return new PullResult<ManifestContent>(content, CacheStatus.Miss, null);
    }

    /// <summary>
    /// The media type a manifest goes by: the one in its own bytes where that is known, else what the upstream said. Its digest is shared by
    /// all repositories, so no upstream's header may decide how another's is read, and a known type is not lost to one that is not.
    /// </summary>
    private ManifestContent Typed(ManifestBody body)
    {
        var mediaType = ManifestDocument.IsKnown(body.OwnMediaType) ? body.OwnMediaType! : body.MediaType;
        return !ManifestDocument.IsKnown(mediaType) && memory.FindManifest(body.Digest) is { } here && ManifestDocument.IsKnown(here.MediaType)
            ? here
            : new ManifestContent(body.Digest, mediaType, body.Content);
    }

    /// <summary>What another has fetched and kept between this pull's look for it and now.</summary>
    private ManifestContent? FindArrived(RuleMatch target, string reference, string? tag, TagEntry? seen)
    {
        if (tag is not null)
        {
            return memory.FindTag(target.Repository, tag) is { } entry && entry.IsNewerThan(seen) ? entry.Manifest : null;
        }

        return Digest.TryParse(reference, out var digest) && known.IsLinked(target.Repository, digest) ? memory.FindManifest(digest) : null;
    }

    private async Task<UpstreamResult<ManifestBody>> AskAsync(
        RuleMatch target, GovernedUpstream upstream, string reference, RequestReason reason, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        using var bound = new CancellationTokenSource(ColdBound, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        try
        {
            var result = await upstream.GetManifestAsync(reason, target.UpstreamRepository, reference, both.Token);
            if (!result.Outcome.IsTransient() || upstream.Governor.IsOpen || time.GetElapsedTime(begun) + BetweenTries >= ColdBound)
            {
                // A second try that has no time left would count as a second failure.
                return result;
            }

            // Once more: a connection that the upstream had closed, or one bad server of many. More would only open the breaker.
            await Task.Delay(BetweenTries, time, both.Token);
            return await upstream.GetManifestAsync(reason, target.UpstreamRepository, reference, both.Token);
        }
        catch (OperationCanceledException cause) when (bound.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return upstream.Governor.TimedOut<ManifestBody>(
                reason, $"{target.Rule.UpstreamName} gave no answer for {ColdBound.TotalSeconds} s over all tries", cause);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1401, LogLevel.Warning, "Manifest {Digest} of {Repository} is served but could not be recorded: {Reason}")]
        public static partial void CannotRecord(ILogger logger, Digest digest, RepositoryName repository, string reason);
    }
}
