using System.Diagnostics.CodeAnalysis;
using Millpond.Images;

namespace Millpond.Server.Lifecycle.Pins;

/// <summary>
/// Which images a pin keeps: a repository as it is called here, or a glob of such, alone or with a tag, a glob of tags, or a digest. Pure.
/// </summary>
public sealed class PinPattern
{
    /// <summary>A repository's 255 characters, and a tag's or a digest's.</summary>
    public const int MaxLength = 400;

    private const int MaxTag = 128;

    private readonly RepositoryGlob repositories;
    private readonly string? tags;
    private readonly string? digest;

    private PinPattern(string text, RepositoryGlob repositories, string? tags, string? digest)
    {
        Text = text;
        this.repositories = repositories;
        this.tags = tags;
        this.digest = digest;
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Whether it keeps images whatever their tags, also those without one.</summary>
    public bool IsOfAll => tags is null && digest is null;

    /// <summary>The digest that it names; null for none.</summary>
    public Digest? Digest => digest is null ? null : Images.Digest.Parse(digest);

    /// <summary>Reads a pattern; false where it could match no image.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out PinPattern? pattern)
    {
        pattern = null;
        if (text is null || text.Length > MaxLength)
        {
            return false;
        }

        var (name, tags, digest) = (text, (string?)null, (string?)null);
        if (text.IndexOf('@', StringComparison.Ordinal) is >= 0 and var at)
        {
            (name, digest) = (text[..at], text[(at + 1)..]);
        }
        else if (text.LastIndexOf(':') is var colon && colon > text.LastIndexOf('/'))
        {
            (name, tags) = (text[..colon], text[(colon + 1)..]);
        }

        if (!RepositoryGlob.TryParse(name, out var repositories) || (digest is not null && !Images.Digest.TryParse(digest, out _)) || (tags is not null && !IsTagGlob(tags)))
        {
            return false;
        }

        pattern = new PinPattern(text, repositories, tags, digest);
        return true;
    }

    public bool Covers(RepositoryName repository) => repositories.Matches(repository);

    /// <summary>Whether it keeps an image of a repository that it covers.</summary>
    /// <param name="tag">A tag by which the repository has it; null for none.</param>
    public bool Keeps(string? tag, string digest) => IsOfAll || this.digest == digest || (tags is not null && tag is not null && Matches(tags, tag));

    /// <summary>A star stands for characters of a tag, of which "a" is one.</summary>
    private static bool IsTagGlob(string tags) => tags.Length <= MaxTag && Tag.IsValid(tags.Replace('*', 'a'));

    /// <summary>Goes back to the last star only, so that its time is by the product of both lengths at most.</summary>
    private static bool Matches(ReadOnlySpan<char> glob, ReadOnlySpan<char> tag)
    {
        var (g, t, star, from) = (0, 0, -1, 0);
        while (t < tag.Length)
        {
            if (g < glob.Length && glob[g] == '*')
            {
                (star, from) = (g++, t);
            }
            else if (g < glob.Length && glob[g] == tag[t])
            {
                g++;
                t++;
            }
            else if (star >= 0)
            {
                (g, t) = (star + 1, ++from);
            }
            else
            {
                return false;
            }
        }

        return glob[g..].TrimStart('*').IsEmpty;
    }
}
