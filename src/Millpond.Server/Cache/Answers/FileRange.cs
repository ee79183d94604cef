using Microsoft.Win32.SafeHandles;

namespace Millpond.Server.Cache.Answers;

/// <summary>Bytes of a blob that stand in an open file. It stays open until the blob's content is disposed.</summary>
/// <param name="Length">At least one byte.</param>
internal readonly record struct FileRange(SafeFileHandle File, long Offset, int Length);
