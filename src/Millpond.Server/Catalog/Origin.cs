using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>
/// Where a repository's content is from: an upstream, its prefix there, and whose credential it is asked with. A number, so that a link is
/// short: the first eight bytes of a SHA-256 over those, which nobody but the operator chooses.
/// </summary>
public readonly record struct Origin(long Id)
{
    /// <summary>What was pushed here is from no upstream.</summary>
    public static Origin None => default;

    /// <summary>A credential that cannot be read and never could: nothing belongs to it.</summary>
    public static Origin Nobody => new(-1);

    /// <summary>The greatest: none comes after it.</summary>
    internal static Origin Last => new(long.MaxValue);

    /// <param name="upstream">Where the upstream's API is.</param>
    /// <param name="prefix">Prepended to the repository there.</param>
    /// <param name="who">Whose credential, without its secret; null where it is asked anonymously.</param>
    public static Origin Of(Uri upstream, string? prefix, string? who)
    {
        var text = $"{upstream.GetLeftPart(UriPartial.Authority)}\n{prefix}\n{(who is null ? "anonymous" : "as " + who)}";
        return new(BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }
}

/// <summary>A repository as one origin has it: what links, tags and lists belong to.</summary>
/// <param name="Rule">The prefix of the rule it is pulled by; null where it is pushed.</param>
public readonly record struct OriginRepository(RepositoryName Name, Origin Origin, string? Rule)
{
    /// <summary>One of this server's own, which is no cache.</summary>
    public static OriginRepository Own(RepositoryName name) => new(name, Origin.None, null);
}

/// <summary>An origin as it was last used, for a start at which its credential cannot be read.</summary>
/// <param name="Source">Where the credential comes from: a file, or names of environment variables.</param>
public sealed record OriginRow(Origin Origin, string Upstream, string Prefix, string Source, string Who);
