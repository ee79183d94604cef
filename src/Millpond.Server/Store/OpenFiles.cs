using System.Diagnostics.CodeAnalysis;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>
/// Files of blobs that were read lately, kept open: to open a file costs as much as to send a small one. The least recently read is closed when
/// there are too many. What is kept open here is in nobody's use: a blob that is deleted is closed first.
/// </summary>
internal sealed class OpenFiles
{
    /// <summary>The usual limit of a process is 1,024 files, and connections need most of those.</summary>
    private const int Most = 128;

    private readonly Lock gate = new();
    private readonly Dictionary<Digest, LinkedListNode<SharedFile>> byDigest = [];

    /// <summary>The most recently read first.</summary>
    private readonly LinkedList<SharedFile> order = new();

    /// <summary>A file that is open, with a reference for the caller.</summary>
    public bool TryTake(Digest digest, [NotNullWhen(true)] out SharedFile? file)
    {
        lock (gate)
        {
            file = null;
            if (!byDigest.TryGetValue(digest, out var node) || !node.Value.TryAddReference())
            {
                return false;
            }

            order.Remove(node);
            order.AddFirst(node);
            file = node.Value;
        }

        if (file.IsThere)
        {
            return true;
        }

        file.Release();
        Close(digest);
        file = null;
        return false;
    }

    /// <summary>Keeps a file that the caller has opened, with a reference of its own.</summary>
    public void Keep(SharedFile file)
    {
        SharedFile? oldest = null;
        lock (gate)
        {
            if (byDigest.ContainsKey(file.Digest) || !file.TryAddReference())
            {
                return;
            }

            byDigest[file.Digest] = order.AddFirst(file);
            if (order.Count > Most)
            {
                oldest = order.Last!.Value;
                order.RemoveLast();
                byDigest.Remove(oldest.Digest);
            }
        }

        oldest?.Release();
    }

    /// <summary>Closes a blob's file, for those who read it when they are done.</summary>
    public void Close(Digest digest)
    {
        LinkedListNode<SharedFile>? node;
        lock (gate)
        {
            if (!byDigest.Remove(digest, out node))
            {
                return;
            }

            order.Remove(node);
        }

        node.Value.Release();
    }
}
