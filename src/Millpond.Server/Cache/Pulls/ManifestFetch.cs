using System.Data.Common;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Pulls;

/// <summary>Gets a manifest from upstream, once for all who ask at the same time, and keeps it: bytes, children, links and tag in one transaction.</summary>
internal sealed partial class ManifestFetch(
    GovernedUpstreams upstreams, ManifestMemory memory, LinkMemory known, NegativeCache negative, CatalogDatabase catalog, CompletionQueue completion,
    TimeProvider time, ILogger<ManifestFetch> log, CancellationToken stopping)
{
    private readonly SingleFlight<(RepositoryName, string, string?, long), PullResult<ManifestContent>> fetches = new(stopping);

    /// <summary>Fetches by tag or digest.</summary>
    /// <param name="reference">What upstream is asked for.</param>
    /// <param name="tag">The tag to set to what comes; null for a pull by digest.</param>
    /// <param name="seen">The tag as the one who asks saw it; null where it was not here.</param>
    /// <param name="isForced">Whether a 404 of a moment ago is no answer (<c>no-cache</c>).</param>
    public async Task<PullResult<ManifestContent>> RunAsync(
        RuleMatch target, string reference, string? tag, TagEntry? seen, Asker asker, CancellationToken cancellationToken, bool isForced = false)
    {
        var result = await JoinAsync();

        // A client joins what was begun in the background, so that it costs one GET; but that is refused first where little is left of a limit.
        return !asker.Reason.IsBackground() && result.Failure is { Kind: PullFailureKind.Throttled } ? await JoinAsync() : result;

        Task<PullResult<ManifestContent>> JoinAsync() =>
            fetches.RunAsync((target.Repository, reference, tag, known.LastDrop(target.Repository)), token => FetchSafelyAsync(target, reference, tag, seen, asker, isForced, token), cancellationToken);
    }

    /// <summary>Keeps a manifest that has just come for this repository, and waits for the commit no longer than a pull may.</summary>
    /// <param name="asOf">What <see cref="LinkMemory.DropCount"/> was when upstream was asked: what a client has deleted since does not come back by it.</param>
    public async Task<ManifestContent> KeepAsync(RuleMatch target, ManifestBody body, string? tag, long asOf)
    {
        var content = await TypedAsync(body);
        if (known.LastDrop(target.Repository) <= asOf)
        {
            await KeepAsync(target, content, tag).WithinPullAsync(time);
        }

        return content;
    }

    /// <summary>
    /// Keeps a manifest for this repository, and sets the tag where one is given: in memory at once, so that only a cold pull need wait for the
    /// task, which ends with the commit and fails never. Its children are not linked by being named in it: anybody can name anything.
    /// </summary>
    public async Task KeepAsync(RuleMatch target, ManifestContent content, string? tag)
    {
        var document = ManifestDocument.TryParse(content.Content, content.MediaType);
        var now = time.GetUtcNow();
        memory.SetManifest(content);
        known.Link(target, content.Digest);
        known.Describe(target, content.Digest, document?.LinkedChildren ?? []);
        if (tag is not null)
        {
            memory.SetTag(target, tag, new TagEntry(content, TagOrigin.Pulled, now, null));
        }

        var written = catalog.PutManifestAsync(
            known.At(target), new ManifestRow(content.Digest, content.MediaType, content.Content), document, tag, now,
            isIncomplete: completion.Takes(target, content.Digest, document));
        catalog.Touch(content.Digest, now);
        completion.Enqueue(target, content.Digest, document);
        await ProveChildrenAsync(target, content.Digest, document);
        try
        {
            await written;
        }
        catch (Exception failure) when (failure is CatalogUnwrittenException or DbException or ObjectDisposedException)
        {
            // The pull is served from memory; a catalog that cannot be written never fails it.
            Log.CannotRecord(log, content.Digest, target.Repository, failure.Message);
        }
    }

    /// <summary>
    /// Children that are stored for other repositories are proved in the background, so that an outage does not find them unproven. A full
    /// queue leaves it to the pulls of them.
    /// </summary>
    private async ValueTask ProveChildrenAsync(RuleMatch target, Digest manifest, ManifestDocument? document)
    {
        var stored = new List<Descriptor>();
        foreach (var child in document?.LinkedChildren ?? [])
        {
            if (!await known.IsLinkedAsync(target, child.Digest) && await IsStoredAsync(child))
            {
                stored.Add(child);
            }
        }

        if (stored.Count > 0)
        {
            completion.TryAdd(new CompletionWork(target, manifest, stored, Attempt: 1) { OnlyProves = true });
        }
    }

    private async ValueTask<bool> IsStoredAsync(Descriptor child) => ManifestDocument.IsKnown(child.MediaType)
        ? await memory.FindManifestAsync(child.Digest) is not null
        : await known.FindStoredSizeAsync(child.Digest) is not null;

    /// <summary>Whatever is thrown ends as a bad answer: what an upstream sends is read here.</summary>
    private async Task<PullResult<ManifestContent>> FetchSafelyAsync(
        RuleMatch target, string reference, string? tag, TagEntry? seen, Asker asker, bool isForced, CancellationToken cancellationToken)
    {
        try
        {
            return await FetchAsync(target, reference, tag, seen, asker, isForced, cancellationToken);
        }
        catch (Exception unexpected) when (!cancellationToken.IsCancellationRequested && unexpected is not CatalogUnreadableException)
        {
            Log.Unexpected(log, reference, target.Repository, unexpected);
            return new PullFailure(
                PullFailureKind.UpstreamFailed, $"what {target.Rule.UpstreamName} sent for {reference} could not be understood", target.Rule.Prefix,
                target.Rule.UpstreamName);
        }
    }

    private async Task<PullResult<ManifestContent>> FetchAsync(
        RuleMatch target, string reference, string? tag, TagEntry? seen, Asker asker, bool isForced, CancellationToken cancellationToken)
    {
        if (await FindArrivedAsync(target, reference, tag, seen) is { } arrived)
        {
            return new PullResult<ManifestContent>(arrived, CacheStatus.Hit, null);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<ManifestBody>(target.Repository, reference, upstream.CredentialVersion, isForced) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        var asOf = known.DropCount;
        if (Digest.TryParse(reference, out var digest) && await memory.FindManifestAsync(digest) is { } here && await known.IsBroughtAsync(target, digest))
        {
            return await ProveAsync(target, here, tag, asOf, asker, cancellationToken);
        }

        var result = await negative.LearnAsync(
            target.Repository, reference, upstream.CredentialVersion,
            upstream.GetManifestAsync(asker, target.UpstreamRepository, reference, cancellationToken));
        return result.IsFound
            ? new PullResult<ManifestContent>(await KeepAsync(target, result.Value, tag, asOf), CacheStatus.Miss, null)
            : result.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
    }

    /// <summary>Of what this upstream brought for another repository it is enough that it says to have it here too, which costs no pull.</summary>
    private async Task<PullResult<ManifestContent>> ProveAsync(
        RuleMatch target, ManifestContent here, string? tag, long asOf, Asker asker, CancellationToken cancellationToken)
    {
        var (upstream, reference) = (upstreams[target.Rule], here.Digest.ToString());
        var proof = await negative.LearnAsync(
            target.Repository, reference, upstream.CredentialVersion,
            upstream.ProveManifestAsync(asker, target.UpstreamRepository, reference, cancellationToken));
        if (!proof.IsFound)
        {
            return proof.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        if (proof.Value.Body is { } body)
        {
            return new PullResult<ManifestContent>(await KeepAsync(target, body, tag, asOf), CacheStatus.Miss, null);
        }

        if (known.LastDrop(target.Repository) <= asOf)
        {
            await KeepAsync(target, here, tag).WithinPullAsync(time);
        }

        return new PullResult<ManifestContent>(here, CacheStatus.Revalidated, null);
    }

    /// <summary>
    /// The media type a manifest goes by: the one in its own bytes where that is known, else what the upstream said. Its digest is shared by
    /// all repositories, so no upstream's header may decide how another's is read, and a known type is not lost to one that is not.
    /// </summary>
    private async ValueTask<ManifestContent> TypedAsync(ManifestBody body)
    {
        var mediaType = ManifestDocument.IsKnown(body.OwnMediaType) ? body.OwnMediaType! : body.MediaType;
        return !ManifestDocument.IsKnown(mediaType) && await memory.FindManifestAsync(body.Digest) is { } here && ManifestDocument.IsKnown(here.MediaType)
            ? here
            : new ManifestContent(body.Digest, mediaType, body.Content);
    }

    /// <summary>What another has fetched and kept between this pull's look for it and now.</summary>
    private async ValueTask<ManifestContent?> FindArrivedAsync(RuleMatch target, string reference, string? tag, TagEntry? seen)
    {
        if (tag is not null)
        {
            return await memory.FindTagAsync(target, tag) is { } entry && entry.IsNewerThan(seen) ? entry.Manifest : null;
        }

        return Digest.TryParse(reference, out var digest) && await known.IsLinkedAsync(target, digest) ? await memory.FindManifestAsync(digest) : null;
    }

    private static partial class Log
    {
        [LoggerMessage(1402, LogLevel.Warning, "What upstream sent for manifest {Reference} of {Repository} could not be understood")]
        public static partial void Unexpected(ILogger logger, string reference, RepositoryName repository, Exception exception);

        [LoggerMessage(1401, LogLevel.Warning, "Manifest {Digest} of {Repository} is served but could not be recorded: {Reason}")]
        public static partial void CannotRecord(ILogger logger, Digest digest, RepositoryName repository, string reason);
    }
}
