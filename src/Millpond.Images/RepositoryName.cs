using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>
/// A repository's name as the distribution spec has it: path components of lower-case letters and digits, joined inside by one
/// <c>.</c>, one or two <c>_</c>, or any run of <c>-</c>; components separated by <c>/</c>; any depth; at most 255 characters; ASCII only.
/// </summary>
public readonly record struct RepositoryName : IComparable<RepositoryName>
{
    /// <summary>The longest name, by the distribution spec and ECR.</summary>
    public const int MaxLength = 255;

    private readonly string? text;

    /// <summary>Found once: a pull looks a name up in several tables. Randomised for each process, as those of strings are, against made-up collisions.</summary>
    private readonly int hash;

    private RepositoryName(string text)
    {
        this.text = text;
        hash = text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>Whether this is the default value, which names nothing.</summary>
    public bool IsEmpty => text is null;

    /// <summary>Whether the name has one component only (<c>nginx</c>, not <c>library/nginx</c>).</summary>
    public bool IsSingleComponent => text is not null && !text.Contains('/');

    /// <summary>Reads a name; false where the grammar or the length does not hold.</summary>
    public static bool TryParse(ReadOnlySpan<char> value, out RepositoryName name)
    {
        name = IsValid(value) ? new RepositoryName(value.ToString()) : default;
        return !name.IsEmpty;
    }

    /// <summary>Whether the text is a name.</summary>
    public static bool IsValid(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty || value.Length > MaxLength)
        {
            return false;
        }

        foreach (var component in value.Split('/'))
        {
            if (!IsComponent(value[component]))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, out RepositoryName)"/>
    public static bool TryParse([NotNullWhen(true)] string? value, out RepositoryName name)
    {
        name = default;
        return value is not null && TryParse(value.AsSpan(), out name);
    }

    /// <summary>Reads a name that must be one.</summary>
    /// <exception cref="FormatException">The text is not a repository name.</exception>
    public static RepositoryName Parse(string value) =>
        TryParse(value, out var name) ? name : throw new FormatException($"'{value}' is not a repository name.");

    /// <inheritdoc/>
    public int CompareTo(RepositoryName other) => string.CompareOrdinal(text, other.text);

    public static bool operator <(RepositoryName left, RepositoryName right) => left.CompareTo(right) < 0;

    public static bool operator <=(RepositoryName left, RepositoryName right) => left.CompareTo(right) <= 0;

    public static bool operator >(RepositoryName left, RepositoryName right) => left.CompareTo(right) > 0;

    public static bool operator >=(RepositoryName left, RepositoryName right) => left.CompareTo(right) >= 0;

    /// <summary>The name under a prefix: <c>quay</c> + <c>a/b</c> = <c>quay/a/b</c>; false where the whole is too long.</summary>
    public bool TryPrepend(string prefix, out RepositoryName name) => TryParse($"{prefix}/{text}", out name);

    /// <summary>What is left after a prefix of whole components; false where the name does not lie under it or nothing is left.</summary>
    public bool TryRemovePrefix(ReadOnlySpan<char> prefix, out RepositoryName rest)
    {
        rest = default;
        return text is not null
            && text.Length > prefix.Length + 1
            && text[prefix.Length] == '/'
            && text.AsSpan().StartsWith(prefix, StringComparison.Ordinal)
            && TryParse(text.AsSpan(prefix.Length + 1), out rest);
    }

    /// <inheritdoc/>
    public bool Equals(RepositoryName other) => hash == other.hash && text == other.text;

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    /// <inheritdoc/>
    public override string ToString() => text ?? "";

    private static bool IsComponent(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty || !char.IsAsciiLetterLower(value[0]) && !char.IsAsciiDigit(value[0]))
        {
            return false;
        }

        var i = 0;
        while (i < value.Length)
        {
            if (char.IsAsciiLetterLower(value[i]) || char.IsAsciiDigit(value[i]))
            {
                i++;
                continue;
            }

            var end = i;
            while (end < value.Length && value[end] == value[i])
            {
                end++;
            }

            var run = end - i;
            var allowed = value[i] switch { '.' => 1, '_' => 2, '-' => int.MaxValue, _ => 0 };
            if (run > allowed || end == value.Length || !char.IsAsciiLetterLower(value[end]) && !char.IsAsciiDigit(value[end]))
            {
                return false;
            }

            i = end;
        }

        return true;
    }
}
