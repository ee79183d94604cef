using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>A rule's upstream as the cache asks it: every request says why and passes the governor.</summary>
internal sealed class GovernedUpstream(PullThroughRule rule, UpstreamClient client, Governor governor)
{
    public PullThroughRule Rule { get; } = rule;

    public Governor Governor { get; } = governor;

    public string CredentialVersion => client.CredentialVersion;

    public Task<UpstreamResult<ManifestHead>> HeadManifestAsync(RequestReason reason, RepositoryName repository, string reference, CancellationToken cancellationToken) =>
        Governor.AskAsync(reason, token => client.HeadManifestAsync(repository, reference, token), cancellationToken);

    public Task<UpstreamResult<ManifestBody>> GetManifestAsync(RequestReason reason, RepositoryName repository, string reference, CancellationToken cancellationToken) =>
        Governor.AskForPullAsync(reason, token => client.GetManifestAsync(repository, reference, token), cancellationToken);

    public Task<UpstreamResult<BlobProbe>> ProbeBlobAsync(RequestReason reason, RepositoryName repository, Digest digest, CancellationToken cancellationToken) =>
        Governor.AskAsync(reason, token => client.ProbeBlobAsync(repository, digest, token), cancellationToken);

    /// <param name="asked">Called when the request goes out: until then it waits for a slot, which is no fault of the upstream.</param>
    public Task<UpstreamResult<BlobBody>> GetBlobAsync(
        Func<RequestReason> reason, RepositoryName repository, Digest digest, ByteRange? range, CancellationToken cancellationToken, Action? asked = null) =>
        Governor.AskBodyAsync(reason, token =>
        {
            asked?.Invoke();
            return client.GetBlobAsync(repository, digest, range, token);
        }, cancellationToken);

    public Task<UpstreamResult<TagPage>> ListTagsAsync(RequestReason reason, RepositoryName repository, string? last, CancellationToken cancellationToken) =>
        Governor.AskAsync(reason, token => client.ListTagsAsync(repository, last, token), cancellationToken);

    public Task<UpstreamResult<ReferrersBody>> GetReferrersAsync(RequestReason reason, RepositoryName repository, Digest subject, CancellationToken cancellationToken) =>
        Governor.AskAsync(reason, token => client.GetReferrersAsync(repository, subject, token), cancellationToken);
}
