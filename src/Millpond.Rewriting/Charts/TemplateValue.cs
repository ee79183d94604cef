using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>What a template's expression is, as far as that can be said without values.</summary>
internal abstract record TemplateValue
{
    /// <summary>A value of more parts than this is unknown: what holds itself twice, sixteen times over, would never be written down.</summary>
    private const int MaxSize = 64;

    /// <summary>Of how many parts it is.</summary>
    private int Size { get; init; } = 1;

    /// <summary>What nobody can say beforehand.</summary>
    public static TemplateValue Unknown { get; } = new Opaque();

    /// <summary>Nothing: no text, no key.</summary>
    public static TemplateValue Empty { get; } = new Constant("");

    public sealed record Opaque : TemplateValue;

    public sealed record Constant(string Text) : TemplateValue;

    /// <summary>Keys from the top of what a template is given: <c>Values</c>, <c>image</c>, <c>registry</c>. <c>*</c> is any key.</summary>
    public sealed record Path(ValuesPath Keys) : TemplateValue;

    /// <summary>The first of these that is not empty.</summary>
    public sealed record FirstOf(ImmutableArray<TemplateValue> Values) : TemplateValue;

    /// <summary>A text that begins with a value: <c>printf "%s:%s" .repository .tag</c>.</summary>
    public sealed record Beginning(TemplateValue Start) : TemplateValue;

    /// <summary>A registry that is printed right before the repository: it has the slash itself, or is nothing.</summary>
    public sealed record WithSlash(ImmutableArray<TemplateValue> Values) : TemplateValue;

    /// <summary>A <c>dict</c> of the template's own.</summary>
    public sealed record Dictionary(ImmutableDictionary<string, TemplateValue> Keys) : TemplateValue;

    public sealed record Sequence(ImmutableArray<TemplateValue> Items) : TemplateValue;

    /// <summary>What a key of it is.</summary>
    public TemplateValue At(string key) => this switch
    {
        Path path => new Path(path.Keys.At(key)),
        Dictionary dictionary => dictionary.Keys.GetValueOrDefault(key) ?? Empty,
        Constant { Text: "" } => Empty,
        _ => Unknown,
    };

    public static TemplateValue First(IEnumerable<TemplateValue> values)
    {
        ImmutableArray<TemplateValue> all = [.. values.SelectMany(value => value is FirstOf several ? several.Values : [value])];
        return all is [var one] ? one : Sized(new FirstOf(all), all);
    }

    public static TemplateValue Of(ImmutableArray<TemplateValue> items) => Sized(new Sequence(items), items);

    public static TemplateValue Of(ImmutableDictionary<string, TemplateValue> keys) => Sized(new Dictionary(keys), keys.Values);

    private static TemplateValue Sized(TemplateValue value, IEnumerable<TemplateValue> parts)
    {
        var size = 1 + parts.Sum(part => part.Size);
        return size > MaxSize ? Unknown : value with { Size = size };
    }

    /// <summary>All that may be it, in the order in which it is looked for.</summary>
    public ImmutableArray<TemplateValue> Choices => this switch
    {
        FirstOf several => several.Values,
        WithSlash lead => lead.Values,
        _ => [this],
    };

    /// <summary>What tells it from others.</summary>
    public string Key => this switch
    {
        Constant constant => $"\"{constant.Text}\"",
        Path path => path.Keys.ToString(),
        FirstOf several => $"({string.Join('|', several.Values.Select(value => value.Key))})",
        WithSlash lead => $"{string.Join('|', lead.Values.Select(value => value.Key))}/",
        Beginning beginning => $"{beginning.Start.Key}+",
        Dictionary dictionary => $"{{{string.Join(',', dictionary.Keys.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value.Key}"))}}}",
        Sequence sequence => $"[{string.Join(',', sequence.Items.Select(value => value.Key))}]",
        _ => "?",
    };
}
