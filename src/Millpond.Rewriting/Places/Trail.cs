using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Millpond.Rewriting.Places;

/// <summary>The way from a document's root to a node, as steps back; the text is made only where it is wanted.</summary>
internal sealed class Trail
{
    public static readonly Trail Root = new(null, null, -1);

    private readonly Trail? parent;
    private readonly string? key;
    private readonly int index;

    private Trail(Trail? parent, string? key, int index)
    {
        this.parent = parent;
        this.key = key;
        this.index = index;
        Depth = parent is null ? 0 : parent.Depth + 1;
    }

    public int Depth { get; }

    public Trail? Parent => parent;

    /// <summary>The last key; null at the root and in a sequence.</summary>
    public string? Key => key;

    /// <summary>The last key, also from within a sequence under it.</summary>
    public string? NearestKey => key ?? parent?.NearestKey;

    /// <summary>The key of the mapping around.</summary>
    public string? ParentKey => parent?.NearestKey;

    /// <summary>Whether a key is on the way.</summary>
    public bool Has(string name) => key == name || (parent is not null && parent.Has(name));

    /// <summary>All keys from the top on; an item of a sequence has its number.</summary>
    public ImmutableArray<string> Keys()
    {
        var keys = new string[Depth];
        for (var trail = this; trail.parent is not null; trail = trail.parent)
        {
            keys[trail.Depth - 1] = trail.key ?? trail.index.ToString(CultureInfo.InvariantCulture);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(keys);
    }

    public Trail At(string name) => new(this, name, -1);

    public Trail At(int position) => new(this, null, position);

    /// <summary><c>spec.containers[0].image</c>; keys with dots stand in brackets.</summary>
    public override string ToString()
    {
        var steps = new Stack<Trail>();
        for (var trail = this; trail.parent is not null; trail = trail.parent)
        {
            steps.Push(trail);
        }

        var text = new StringBuilder();
        foreach (var step in steps)
        {
            if (step.key is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"[{step.index}]");
            }
            else if (step.key.AsSpan().ContainsAny('.', '/'))
            {
                text.Append(CultureInfo.InvariantCulture, $"[{step.key}]");
            }
            else
            {
                text.Append(text.Length == 0 ? "" : ".").Append(step.key);
            }
        }

        return text.ToString();
    }
}
