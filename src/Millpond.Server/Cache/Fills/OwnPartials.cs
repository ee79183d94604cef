using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Rules;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>Which paused downloads need no proof.</summary>
internal static class OwnPartials
{
    /// <summary>Whether what is here in part came by this repository itself, from where it has it now.</summary>
    public static bool HasOwnPartial(this BlobStore store, LinkMemory known, RuleMatch target, Digest digest) =>
        store.FindPartialOwner(digest) is { } owner && owner == (target.Repository.ToString(), known.At(target).Origin.Id);
}
