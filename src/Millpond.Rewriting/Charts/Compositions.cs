using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>What a chart's templates put before each repository of its values, as they were seen to print it.</summary>
internal sealed class Compositions
{
    private readonly Dictionary<ValuesPath, Dictionary<string, TemplateValue?>> registries = [];

    /// <summary>All that stands before a repository; null among them where nothing does. Empty where the repository is never printed.</summary>
    public IEnumerable<(TemplateValue? Registry, ImmutableArray<string> Stars)> Of(ValuesPath repository)
    {
        foreach (var (pattern, found) in registries)
        {
            if (pattern.Match(repository) is { } stars)
            {
                foreach (var registry in found.Values)
                {
                    yield return (registry, stars);
                }
            }
        }
    }

    public ImmutableArray<Tail> Print(ImmutableArray<Tail> tails, TemplateValue value)
    {
        if (value is TemplateValue.Constant constant)
        {
            return Tail.Print(tails, constant.Text);
        }

        var printed = value is TemplateValue.Beginning beginning ? beginning.Start : value;
        foreach (var repository in printed.Choices.OfType<TemplateValue.Path>())
        {
            foreach (var tail in tails)
            {
                Add(repository.Keys, tail);
            }
        }

        return [new Tail(value, "")];
    }

    private void Add(ValuesPath repository, Tail tail)
    {
        var registry = tail switch
        {
            { Before: null, Text: "" } => null,
            { Before: null, Text: [.., '/'] } when tail.Text.AsSpan().ContainsAny('.', ':') => new TemplateValue.Constant(tail.Text[..^1]),
            { Before: TemplateValue.Path or TemplateValue.FirstOf or TemplateValue.Constant, Text: "/" } => tail.Before,
            { Before: TemplateValue.Path or TemplateValue.FirstOf or TemplateValue.Constant, Text: "" } => new TemplateValue.WithSlash(tail.Before.Choices),
            _ => TemplateValue.Unknown,
        };
        if (!registries.TryGetValue(repository, out var found))
        {
            registries[repository] = found = new(StringComparer.Ordinal);
        }

        found[registry?.Key ?? ""] = registry;
    }
}
