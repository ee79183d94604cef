using System.Text.Json.Nodes;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Failures of single images in calls for many: the call is answered 200 all the same.</summary>
internal static class ImageFailures
{
    public const string NotFound = "Requested image not found";

    public static JsonObject Of(AwsInput id, string code, string reason) => new()
    {
        ["imageId"] = new JsonObject().With("imageDigest", id.TextOrNull("imageDigest")).With("imageTag", id.TextOrNull("imageTag")),
        ["failureCode"] = code,
        ["failureReason"] = reason,
    };

    /// <summary>By what was in the way of a pull.</summary>
    public static JsonObject Of(AwsInput id, PullFailure failure)
    {
        var code = failure.Kind switch
        {
            PullFailureKind.NameUnknown or PullFailureKind.ManifestUnknown or PullFailureKind.BlobUnknown or PullFailureKind.NotCached or PullFailureKind.Denied => "ImageNotFound",
            PullFailureKind.CredentialRefused => "UpstreamAccessDenied",
            PullFailureKind.Throttled => "UpstreamTooManyRequests",
            PullFailureKind.UpstreamFailed or PullFailureKind.UpstreamUnreachable => "UpstreamUnavailable",
        };
        return Of(id, code, code == "ImageNotFound" ? NotFound : failure.Reason);
    }
}
