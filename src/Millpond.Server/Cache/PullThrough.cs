using Millpond.Images;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

public sealed class PullThrough
{
    public ValueTask<PullResult<ManifestContent>> GetManifestAsync(RuleMatch target, string reference, PullOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<PullResult<BlobContent>> GetBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<PullResult<BlobHead>> HeadBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<PullResult<TagList>> ListTagsAsync(RuleMatch target, string? last, int limit, PullOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<PullResult<ReferrersList>> ListReferrersAsync(RuleMatch target, Digest subject, PullOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();
}
