using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Push;

/// <summary>Why a push or a delete is refused; the status of each is in one table, <c>Registry/RegistryError</c>.</summary>
public enum PushFailureKind
{
    /// <summary>There is no such upload (any more).</summary>
    UploadUnknown,

    /// <summary>A chunk that does not go on where the upload stands.</summary>
    OutOfOrder,

    /// <summary>The range and the length of a chunk do not agree, or cannot be read.</summary>
    UploadInvalid,

    /// <summary>The bytes are not what the digest says, or that is none.</summary>
    DigestInvalid,

    /// <summary>Another number of bytes came than was said.</summary>
    SizeInvalid,
    ManifestInvalid,

    /// <summary>The manifest names what its repository does not have.</summary>
    ChildUnknown,
    ManifestUnknown,

    /// <summary>The tag may not move.</summary>
    TagFixed,
    BlobUnknown,

    /// <summary>A manifest of the repository needs what is to be deleted.</summary>
    StillNeeded,

    /// <summary>So many uploads are under way that no further one begins.</summary>
    TooManyUploads,

    /// <summary>It does not fit on the disk, or beside the other uploads.</summary>
    NoRoom,

    /// <summary>The disk or the catalog failed: nothing was acknowledged.</summary>
    Unwritten,
}

/// <param name="Reason">For people: what is wrong and what to do.</param>
public sealed record PushFailure(PushFailureKind Kind, string Reason);

/// <summary>A value, or why there is none.</summary>
public readonly record struct PushResult<T>(T? Value, PushFailure? Failure)
    where T : class
{
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool IsDone => Value is not null;

    public static implicit operator PushResult<T>(T value) => new(value, null);

    public static implicit operator PushResult<T>(PushFailure failure) => new(null, failure);
}
