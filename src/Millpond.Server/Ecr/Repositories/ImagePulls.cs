using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Cache;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Rules;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Pulls for operations: from here, and through to upstream where the caller may have that.</summary>
internal sealed class ImagePulls(RepositoryFinder repositories, PullThrough pulls, Authorizer authorizer)
{

    /// <summary>A manifest by tag or digest, of a repository that need not be here yet.</summary>
    /// <exception cref="AwsErrorException">There is neither a repository nor a rule for it.</exception>
    public async Task<PullResult<ManifestContent>> ManifestAsync(AwsCall call, RepositoryName name, string reference)
    {
        var found = await repositories.FindAsync(name);
        if (found is { Cached: null })
        {
            return await pulls.Local.GetManifestAsync(found.At.Name, reference);
        }

        var target = TargetOf(name, found);
        if (repositories.Resolve(name).Verdict == RuleVerdict.Denied)
        {
            return Kept(target);
        }

        return await OrImportAsync(
            call, target, found is null, options => pulls.GetManifestAsync(target, reference, options, call.Cancellation));
    }

    /// <summary>A blob's length, without a fill.</summary>
    public async Task<PullResult<BlobHead>> BlobAsync(AwsCall call, FoundRepository repository, Digest digest) => repository.Cached is { } target
        ? repositories.Resolve(target.Repository).Verdict == RuleVerdict.Denied ? Kept(target)
        : await OrImportAsync(call, target, isMissing: false, options => pulls.HeadBlobAsync(target, digest, options, call.Cancellation))
        : await pulls.Local.HeadBlobAsync(repository.At.Name, digest);

    public async Task<PullResult<ReferrersList>> ReferrersAsync(AwsCall call, FoundRepository repository, Digest subject, string? last, int limit) => repository.Cached is { } target
        ? repositories.Resolve(target.Repository).Verdict == RuleVerdict.Denied ? Kept(target)
        : await OrImportAsync(call, target, isMissing: false, options => pulls.ListReferrersAsync(target, subject, null, last, limit, options, call.Cancellation))
        : await pulls.Local.ListReferrersAsync(repository.At.Name, subject, null, last, limit);

    /// <summary>What a rule keeps from pulls is not got by another name of a pull, though it may be here from before.</summary>
    private static PullFailure Kept(RuleMatch target) =>
        new(PullFailureKind.Denied, "the rule lets nothing of this repository through", target.Rule.Prefix, target.Rule.UpstreamName);

    private RuleMatch TargetOf(RepositoryName name, FoundRepository? found) => found?.Cached
        ?? (repositories.Resolve(name) is { Verdict: RuleVerdict.Matched, Match: { } match } ? match : throw repositories.NotFound(name.ToString()));

    private async Task<PullResult<T>> OrImportAsync<T>(AwsCall call, RuleMatch target, bool isMissing, Func<PullOptions, ValueTask<PullResult<T>>> pull)
        where T : class
    {
        var options = new PullOptions(NoCache: false, OnlyIfCached: false, Client: call.Origin.Address) { MayNotAsk = true, Principal = call.Caller.Arn.Text };
        var result = await pull(options);
        if (result.Failure is not { Kind: PullFailureKind.NotCached })
        {
            return result;
        }

        var mayImport = await IsAllowedAsync(call, AccessNames.Import, target) && (!isMissing || await IsAllowedAsync(call, AccessNames.NewRepository, target));
        return mayImport
            ? await pull(options with { MayNotAsk = false })
            : PullFailure.NotImported(target.Rule);
    }

    private async ValueTask<bool> IsAllowedAsync(AwsCall call, string action, RuleMatch target) =>
        (await authorizer.DecideAsync(call.Caller, action, target.Repository.ToString(), call.Origin)).IsAllowed;
}
