using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Eviction;

/// <summary>What an upstream said of an image that is to go.</summary>
/// <param name="Why">Why it stays; empty where it may go.</param>
/// <param name="IsFailing">Whether that is the upstream's failure, which may end.</param>
public readonly record struct GuardAnswer(bool IsShown, string Why, bool IsFailing)
{
    public static GuardAnswer Shown => new(true, "", false);

    public static GuardAnswer Absent(string why) => new(false, why, false);

    public static GuardAnswer Failing(string why) => new(false, why, true);
}

/// <summary>
/// Whether an image of a cache could be pulled again: its upstream must show this digest now, and still have each of its tags. A tag that means another
/// image by now is one that can be pulled; one that is gone is kept here alone. Asked with the lowest priority, and not at all while little is left
/// of the upstream's limits.
/// </summary>
public sealed class AvailabilityGuard
{
    private readonly GovernedUpstreams upstreams;
    private readonly LinkMemory known;

    internal AvailabilityGuard(GovernedUpstreams upstreams, LinkMemory known)
    {
        this.upstreams = upstreams;
        this.known = known;
    }

    /// <summary>Whether a repository's content is from where its rule points now: nobody else can be asked for it.</summary>
    public bool CanAsk(RuleMatch target, OriginRepository at) => !target.Rule.IsRetired && known.At(target).Origin == at.Origin;

    /// <summary>Whether the upstream of a rule has answered well since a time, so that what it failed at then may be asked again.</summary>
    public bool HasRecovered(RuleMatch target, DateTimeOffset since) => upstreams[target.Rule].Governor.HasAnsweredSince(since);

    /// <summary>Asks for one of the images that are kept because the upstream failed: its answer says of all of them whether they may be asked for again.</summary>
    public async Task ScoutAsync(RuleMatch target, Digest digest, CancellationToken cancellationToken) =>
        await upstreams[target.Rule].CheckManifestAsync(RequestReason.Guard, target.UpstreamRepository, digest.ToString(), within: null, cancellationToken);

    /// <param name="size">The manifest's length here.</param>
    public async Task<GuardAnswer> AskAsync(RuleMatch target, Digest digest, long size, IReadOnlyList<string> tags, CancellationToken cancellationToken)
    {
        var isShown = false;
        foreach (var tag in tags)
        {
            var (answer, found) = await AskTagAsync(target, tag, cancellationToken);
            if (answer is { } kept)
            {
                return kept;
            }

            // Its tag leads to it: that is how it is pulled again.
            isShown |= found == digest;
        }

        return isShown ? GuardAnswer.Shown : await AskDigestAsync(target, digest, size, cancellationToken);
    }

    private async Task<(GuardAnswer? Kept, Digest? Found)> AskTagAsync(RuleMatch target, string tag, CancellationToken cancellationToken)
    {
        var upstream = upstreams[target.Rule];
        var check = await upstream.CheckManifestAsync(RequestReason.Guard, target.UpstreamRepository, tag, within: null, cancellationToken);
        if (!check.IsFound)
        {
            return (Kept(target, $"the tag {tag}", check), null);
        }

        if (check.Value.Digest is { } told)
        {
            return (null, told);
        }

        // Something was answered 200 that named no digest: only bytes say what it is.
        var body = await upstream.GetManifestOnceAsync(RequestReason.Guard, target.UpstreamRepository, tag, cancellationToken);
        return body.IsFound ? (null, body.Value.Digest) : (Kept(target, $"the tag {tag}", body), null);
    }

    private async Task<GuardAnswer> AskDigestAsync(RuleMatch target, Digest digest, long size, CancellationToken cancellationToken)
    {
        var (upstream, reference) = (upstreams[target.Rule], digest.ToString());
        var check = await upstream.CheckManifestAsync(RequestReason.Guard, target.UpstreamRepository, reference, within: null, cancellationToken);
        if (!check.IsFound)
        {
            return Kept(target, "this digest", check);
        }

        // Bytes were compared with the digest when they came; a HEAD must name it, and not another length.
        if (check.Value.Body is not null || check.Value.Digest == digest && (check.Value.Length is null || check.Value.Length == size))
        {
            return GuardAnswer.Shown;
        }

        var body = await upstream.GetManifestOnceAsync(RequestReason.Guard, target.UpstreamRepository, reference, cancellationToken);
        return body.IsFound ? GuardAnswer.Shown : Kept(target, "this digest", body);
    }

    private static GuardAnswer Kept<T>(RuleMatch target, string what, UpstreamResult<T> answer)
        where T : class
    {
        var who = target.Rule.UpstreamName;
        return answer.Outcome switch
        {
            UpstreamOutcome.NotFound => GuardAnswer.Absent($"{who} does not have {what} any more: this may be the last copy"),
            UpstreamOutcome.Refused when !answer.IsCredentialRefused => GuardAnswer.Absent($"{who} refuses {what}: it may be absent, or not for this rule's credential"),
            _ => GuardAnswer.Failing($"{who} could not be asked for {what}: {answer.Reason}"),
        };
    }
}
