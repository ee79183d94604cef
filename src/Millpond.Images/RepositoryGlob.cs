using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>
/// A pattern over repository names: <c>*</c> is any run of characters within a component, <c>**</c> any run across components, and
/// <c>**/</c> at the start of a component also none at all (<c>**/secret-*</c> matches <c>secret-x</c> and <c>a/b/secret-x</c>).
/// The whole name must match; <c>library/**</c> is what lies under <c>library</c>.
/// </summary>
public readonly record struct RepositoryGlob
{
    private readonly string? pattern;

    private RepositoryGlob(string pattern) => this.pattern = pattern;

    /// <summary>Reads a pattern; false where it could match no repository name.</summary>
    public static bool TryParse([NotNullWhen(true)] string? pattern, out RepositoryGlob glob)
    {
        // A star stands for text that makes the rest a name: "a" fits every place a star may have.
        glob = pattern is not null && RepositoryName.IsValid(pattern.Replace("**", "a", StringComparison.Ordinal).Replace('*', 'a'))
            ? new RepositoryGlob(pattern)
            : default;
        return glob.pattern is not null;
    }

    /// <summary>Reads a pattern that must be one.</summary>
    /// <exception cref="FormatException">The text could match no repository name.</exception>
    public static RepositoryGlob Parse(string pattern) =>
        TryParse(pattern, out var glob) ? glob : throw new FormatException($"'{pattern}' is no pattern that a repository's name could match.");

    /// <summary>Whether the whole name matches.</summary>
    public bool Matches(RepositoryName repository)
    {
        var name = repository.ToString().AsSpan();
        ReadOnlySpan<char> rest = pattern;
        // reached[i]: the pattern so far can end before name[i]. One pass over the name for each part of the pattern, no backtracking.
        Span<bool> reached = stackalloc bool[RepositoryName.MaxLength + 1];
        reached = reached[..(name.Length + 1)];
        reached.Clear();
        reached[0] = true;
        var atStart = true;
        while (!rest.IsEmpty)
        {
            var length = 1;
            if (atStart && rest.StartsWith("**/"))
            {
                length = 3;
                StepAcrossComponents(reached, name);
            }
            else if (rest.StartsWith("**"))
            {
                length = 2;
                StepAcross(reached, name, stopAtSlash: false);
            }
            else if (rest[0] == '*')
            {
                StepAcross(reached, name, stopAtSlash: true);
            }
            else
            {
                StepOver(reached, name, rest[0]);
            }

            atStart = rest[length - 1] == '/';
            rest = rest[length..];
        }

        return reached[^1];
    }

    /// <summary>The pattern.</summary>
    public override string ToString() => pattern ?? "";

    private static void StepOver(Span<bool> reached, ReadOnlySpan<char> name, char literal)
    {
        for (var i = name.Length; i > 0; i--)
        {
            reached[i] = reached[i - 1] && name[i - 1] == literal;
        }

        reached[0] = false;
    }

    private static void StepAcross(Span<bool> reached, ReadOnlySpan<char> name, bool stopAtSlash)
    {
        for (var i = 1; i <= name.Length; i++)
        {
            reached[i] |= reached[i - 1] && !(stopAtSlash && name[i - 1] == '/');
        }
    }

    private static void StepAcrossComponents(Span<bool> reached, ReadOnlySpan<char> name)
    {
        var any = false;
        for (var i = 0; i <= name.Length; i++)
        {
            var before = reached[i];
            reached[i] |= any && name[i - 1] == '/';
            any |= before;
        }
    }
}
