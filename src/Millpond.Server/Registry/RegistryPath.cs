using Millpond.Images;

namespace Millpond.Server.Registry;

/// <summary>What a path asks for, or what is wrong with it.</summary>
public enum RegistryPathKind
{
    /// <summary>Not under <c>/v2</c>.</summary>
    Outside,

    /// <summary><c>/v2</c> or <c>/v2/</c>.</summary>
    Version,

    /// <summary><c>/v2/_catalog</c>.</summary>
    Catalog,

    /// <summary><c>/v2/NAME/manifests/REFERENCE</c>.</summary>
    Manifest,

    /// <summary><c>/v2/NAME/blobs/DIGEST</c>.</summary>
    Blob,

    /// <summary><c>/v2/NAME/tags/list</c>.</summary>
    Tags,

    /// <summary><c>/v2/NAME/referrers/DIGEST</c>.</summary>
    Referrers,

    /// <summary><c>/v2/NAME/blobs/uploads/</c> or an upload under it.</summary>
    Upload,

    /// <summary>Under <c>/v2/</c>, but none of the above.</summary>
    Unknown,

    InvalidName,
    InvalidDigest,
    InvalidTag,
}

/// <summary>
/// A path of the registry API; this is the only place that takes one apart. It is read from its end, since a repository's name may
/// itself hold <c>manifests</c>, <c>blobs</c> or <c>tags</c> as components.
/// </summary>
/// <param name="Repository">The repository as asked for; empty for the kinds that have none.</param>
/// <param name="Reference">The tag, digest or upload; for the invalid kinds the text that is wrong.</param>
/// <param name="Digest">The reference as a digest, where it is one.</param>
public readonly record struct RegistryPath(RegistryPathKind Kind, RepositoryName Repository, string Reference, Digest Digest)
{
    private const string Root = "/v2";

    /// <summary>Reads a path whose percent escapes are decoded but for <c>%2F</c>, which no name or reference may hold.</summary>
    public static RegistryPath Parse(ReadOnlySpan<char> path)
    {
        if (!path.StartsWith(Root, StringComparison.Ordinal) || (path.Length > Root.Length && path[Root.Length] != '/'))
        {
            return Of(RegistryPathKind.Outside);
        }

        var rest = path[Math.Min(path.Length, Root.Length + 1)..];
        return rest switch
        {
            "" => Of(RegistryPathKind.Version),
            "_catalog" => Of(RegistryPathKind.Catalog),
            _ => ParseRepositoryPath(rest),
        };
    }

    private static RegistryPath ParseRepositoryPath(ReadOnlySpan<char> path)
    {
        var (before, last) = CutLast(path);
        var (name, kind) = CutLast(before);
        return kind switch
        {
            "manifests" => WithName(name, last, Manifest),
            "blobs" when last is "uploads" => WithName(name, "", Upload),
            "blobs" => WithName(name, last, Blob),
            "referrers" => WithName(name, last, Referrers),
            "tags" when last is "list" => WithName(name, last, Tags),
            "uploads" when CutLast(name) is { Last: "blobs" } outer => WithName(outer.Before, last, Upload),
            _ => new(RegistryPathKind.Unknown, default, path.ToString(), default),
        };
    }

    private static RegistryPath WithName(ReadOnlySpan<char> name, ReadOnlySpan<char> reference, Func<RepositoryName, string, RegistryPath> make) =>
        RepositoryName.TryParse(name, out var repository)
            ? make(repository, reference.ToString())
            : new(RegistryPathKind.InvalidName, default, name.ToString(), default);

    private static RegistryPath Manifest(RepositoryName repository, string reference)
    {
        if (reference.Contains(':'))
        {
            return WithDigest(RegistryPathKind.Manifest, repository, reference);
        }

        var kind = Tag.IsValid(reference) ? RegistryPathKind.Manifest : RegistryPathKind.InvalidTag;
        return new(kind, repository, reference, default);
    }

    private static RegistryPath Blob(RepositoryName repository, string reference) => WithDigest(RegistryPathKind.Blob, repository, reference);

    private static RegistryPath Referrers(RepositoryName repository, string reference) => WithDigest(RegistryPathKind.Referrers, repository, reference);

    private static RegistryPath Tags(RepositoryName repository, string reference) => new(RegistryPathKind.Tags, repository, reference, default);

    private static RegistryPath Upload(RepositoryName repository, string reference) => new(RegistryPathKind.Upload, repository, reference, default);

    private static RegistryPath WithDigest(RegistryPathKind kind, RepositoryName repository, string reference) =>
        Digest.TryParse(reference, out var digest)
            ? new(kind, repository, reference, digest)
            : new(RegistryPathKind.InvalidDigest, repository, reference, default);

    private static RegistryPath Of(RegistryPathKind kind) => new(kind, default, "", default);

    private static Cut CutLast(ReadOnlySpan<char> path)
    {
        var slash = path.LastIndexOf('/');
        return slash < 0 ? new(default, path) : new(path[..slash], path[(slash + 1)..]);
    }

    private readonly ref struct Cut(ReadOnlySpan<char> before, ReadOnlySpan<char> last)
    {
        public ReadOnlySpan<char> Before { get; } = before;

        public ReadOnlySpan<char> Last { get; } = last;

        public void Deconstruct(out ReadOnlySpan<char> before, out ReadOnlySpan<char> last)
        {
            before = Before;
            last = Last;
        }
    }
}
