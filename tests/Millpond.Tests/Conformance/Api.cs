namespace Millpond.Tests.Conformance;

/// <summary>What the specification asks for, by its endpoints; see <see cref="ApiNames"/>.</summary>
internal enum Api
{
    Support,
    BlobPull,
    BlobRange,
    ManifestPull,
    PostThenPut,
    SinglePost,
    Chunks,
    Stream,
    UploadState,
    UploadCancel,
    Mount,
    ManifestPush,
    TagList,
    TagDelete,
    ManifestDelete,
    BlobDelete,
    Referrers,
    Errors,
}

/// <summary>What a row of the table is called.</summary>
internal static class ApiNames
{
    /// <summary>The specification's number of the endpoint, and the request.</summary>
    public static string NameOf(Api api) => api switch
    {
        Api.Support => "end-1 GET /v2/",
        Api.BlobPull => "end-2 GET, HEAD blob",
        Api.BlobRange => "end-2 GET part of a blob",
        Api.ManifestPull => "end-3 GET, HEAD manifest",
        Api.PostThenPut => "end-4a, 6 POST, then PUT",
        Api.SinglePost => "end-4b single POST",
        Api.Chunks => "end-5 PATCH in chunks",
        Api.Stream => "end-5 PATCH as a stream",
        Api.UploadState => "end-13 GET upload",
        Api.UploadCancel => "end-14 DELETE upload",
        Api.Mount => "end-11 POST mount",
        Api.ManifestPush => "end-7 PUT manifest",
        Api.TagList => "end-8 GET tags",
        Api.TagDelete => "end-9 DELETE tag",
        Api.ManifestDelete => "end-9 DELETE manifest",
        Api.BlobDelete => "end-10 DELETE blob",
        Api.Referrers => "end-12 GET referrers",
        Api.Errors => "error codes",
        _ => throw new ArgumentOutOfRangeException(nameof(api), api, null),
    };
}
