using System.Data.Common;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Cache.Fills;

/// <summary>What becomes of a download that came to its last byte: verified and committed, or thrown away.</summary>
internal sealed partial class FillFinish(
    GovernedUpstreams upstreams, CatalogDatabase catalog, BlobBooks books, LinkMemory known, TimeProvider time, MillpondMetrics metrics, ILogger<FillFinish> log)
{
    public async Task<FillOutcome> RunAsync(FillRun run, ResumingBody body)
    {
        var (fill, staging) = (run.Fill, run.Staging!);
        var name = body.Target.Rule.UpstreamName;
        var actual = Digest.FromHash(fill.Digest.Algorithm, run.Hash.GetHashAndReset());
        if (actual != fill.Digest)
        {
            return await RefuseAsync(run, body, actual);
        }

        // Before it is looked at who has deleted it: nothing is waited for between that and its link.
        await staging.Noted;

        // Who brought all of it has it. Of several only those were taken for one who were proven, and linked, before.
        // Before it is whole: who asks when it is must find whose it is.
        var owner = body.Sources.Count > 1 ? body.Target : body.Sources.FirstOrDefault(fill.LedBy);
        var isDropped = known.LastDrop(owner.Repository) > fill.AsOf;
        if (!isDropped)
        {
            known.Link(owner, fill.Digest);
        }

        fill.Complete(staging.Written);
        if (body.LastResult is not null)
        {
            upstreams[body.Target.Rule].Governor.BodyCame();
        }

        await CommitAsync(fill, staging, isDropped ? null : owner);
        var seconds = time.GetElapsedTime(run.Begun).TotalSeconds;
        metrics.FillEnded(name, "stored");
        Log.Filled(log, fill.Digest, fill.LedBy.Repository, staging.Written, seconds.ToString("0.000", CultureInfo.InvariantCulture), body.Resumes, staging.ResumedFrom);
        return FillOutcome.Ended;
    }

    /// <summary>Where it is listed its file was lost, which nobody has looked for before the first byte: it leaves the books before it comes into them again.</summary>
    public async ValueTask ForgetLostAsync(Digest digest)
    {
        try
        {
            if (await known.FindStoredSizeAsync(digest) is not null)
            {
                await books.LostAsync(digest);
            }
        }
        catch (Exception failure) when (failure is CatalogUnreadableException or CatalogUnwrittenException or DbException or ObjectDisposedException)
        {
            // Then nothing is known to be listed.
        }
    }

    /// <summary>Throws wrong bytes away. Who brought them is blamed only where nobody else can have.</summary>
    private async Task<FillOutcome> RefuseAsync(FillRun run, ResumingBody body, Digest actual)
    {
        var (fill, staging) = (run.Fill, run.Staging!);
        var rule = body.Target.Rule;
        var outcome = staging.ResumedFrom > 0 || body.Sources.Count > 1 ? FillOutcome.Damaged : FillOutcome.Ended;
        var reason = staging.ResumedFrom > 0
            ? $"the partial download of {fill.Digest} from before was damaged; it is fetched again from its first byte"
            : body.Sources.Count > 1
                ? $"{string.Join(" and ", body.Sources.Select(source => source.Rule.UpstreamName).Distinct())} together sent other bytes than {fill.Digest}; it is fetched again from its first byte"
                : $"{rule.UpstreamName} sent {staging.Written} bytes for {fill.Digest} whose digest is {actual}";
        if (outcome == FillOutcome.Ended)
        {
            upstreams[rule].Governor.BodyFailed(reason);
        }

        fill.Fail(new PullFailure(PullFailureKind.UpstreamFailed, reason, rule.Prefix, rule.UpstreamName));
        metrics.FillEnded(rule.UpstreamName, outcome == FillOutcome.Damaged ? "damaged" : "wrong_digest");
        Log.WrongDigest(log, fill.LedBy.Repository, reason);
        await staging.DiscardAsync();
        return outcome;
    }

    /// <param name="owner">Whose it is; null where that one has deleted it meanwhile: it is kept for whoever shows that it has it.</param>
    private async Task CommitAsync(Fill fill, Staging staging, RuleMatch? owner)
    {
        await ForgetLostAsync(fill.Digest);

        // Until it is written down whose it is: collection would take the file of a digest that no repository has.
        using var hold = await staging.HoldAsync();

        // Before its file is there, so that nobody takes that for a file the catalog does not list.
        known.Stored(fill.Digest, staging.Written);

        // Whose it is too: found after a kill, it would have to be proven again by an upstream, which may be down by then.
        var linking = owner is null ? Task.CompletedTask : catalog.LinkAsync(known.At(owner), fill.Digest);
        await linking.WithinPullAsync(time);

        try
        {
            await staging.CommitAsync();
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            known.Forget(fill.Digest);
            Log.CannotKeep(log, fill.Digest, failed.Message);
            await staging.DiscardAsync();
            return;
        }

        try
        {
            // Whoever has deleted it since has deleted its link: it is made up for only where it could not be written.
            await linking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await catalog.PutBlobAsync(fill.Digest, staging.Written, linking.IsCompletedSuccessfully ? null : known.At(owner!), time.GetUtcNow());
        }
        catch (CatalogUnwrittenException full)
        {
            // The file is there and is adopted when it is next asked for.
            Log.CannotRecord(log, fill.Digest, full.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Information, "Filled {Digest} for {Repository}: {Bytes} bytes in {Seconds} s, {Resumes} resumes, {FromPartial} bytes from a partial")]
        public static partial void Filled(ILogger logger, Digest digest, RepositoryName repository, long bytes, string seconds, int resumes, long fromPartial);

        [LoggerMessage(1105, LogLevel.Warning, "Refused content for {Repository}: {Reason}")]
        public static partial void WrongDigest(ILogger logger, RepositoryName repository, string reason);

        [LoggerMessage(1108, LogLevel.Warning, "{Digest} is stored but could not be recorded: {Reason}")]
        public static partial void CannotRecord(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1112, LogLevel.Warning, "{Digest} was downloaded but could not be stored: {Reason}")]
        public static partial void CannotKeep(ILogger logger, Digest digest, string reason);
    }
}
