using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>Keys, from the top down. Two with the same keys are the same.</summary>
internal sealed class ValuesPath : IEquatable<ValuesPath>
{
    public const string Any = "*";

    private readonly string text;

    public ValuesPath(ImmutableArray<string> keys)
    {
        Keys = keys;
        text = "/" + string.Join('/', keys);
    }

    public static ValuesPath Top { get; } = new([]);

    public ImmutableArray<string> Keys { get; }

    public ValuesPath At(string key) => new(Keys.Add(key));

    /// <summary>The path without its first keys.</summary>
    public ValuesPath From(int first) => new([.. Keys.Skip(first)]);

    public bool Equals(ValuesPath? other) => other is not null && text == other.text;

    public override bool Equals(object? obj) => Equals(obj as ValuesPath);

    public override int GetHashCode() => text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => text;

    /// <summary>What <c>*</c> stands for where this path is a pattern for the other; null where it is none.</summary>
    public ImmutableArray<string>? Match(ValuesPath other)
    {
        if (Keys.Length != other.Keys.Length)
        {
            return null;
        }

        var stars = ImmutableArray.CreateBuilder<string>();
        for (var i = 0; i < Keys.Length; i++)
        {
            if (Keys[i] == Any)
            {
                stars.Add(other.Keys[i]);
            }
            else if (Keys[i] != other.Keys[i])
            {
                return null;
            }
        }

        return stars.ToImmutable();
    }

    /// <summary>The path with its stars filled in, one after another.</summary>
    public ValuesPath With(ImmutableArray<string> stars)
    {
        var next = 0;
        return new([.. Keys.Select(key => key == Any && next < stars.Length ? stars[next++] : key)]);
    }
}
