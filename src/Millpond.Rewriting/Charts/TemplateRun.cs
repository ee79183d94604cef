using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>
/// Runs a chart's templates without values, to see what they put before each repository: every branch is taken, and what it prints is followed
/// as far as <c>REGISTRY/REPOSITORY</c>. What cannot be followed is unknown, never guessed.
/// </summary>
internal sealed class TemplateRun
{
    private const int MaxDepth = 16;

    /// <summary>Templates that call each other in every branch would go on for ever.</summary>
    private const int MaxSteps = 100_000;

    /// <summary>So many different calls are remembered, and no chart has as many.</summary>
    private const int MaxIncluded = 5_000;

    private readonly IReadOnlyDictionary<string, List<TemplateStep>> defines;
    private readonly Compositions compositions;
    private readonly TemplateFunctions functions;
    private readonly Dictionary<string, TemplateValue> included = new(StringComparer.Ordinal);
    private int steps;
    private int depth;

    private TemplateRun(IReadOnlyDictionary<string, List<TemplateStep>> defines, Compositions compositions)
    {
        this.defines = defines;
        this.compositions = compositions;
        functions = new(Include, compositions);
    }

    /// <summary>Whether all of the templates were seen.</summary>
    private bool IsWhole => steps <= MaxSteps;

    /// <summary>What the files put together; null where they are too much.</summary>
    public static Compositions? Of(IEnumerable<List<TemplateStep>> files, IReadOnlyDictionary<string, List<TemplateStep>> defines)
    {
        var compositions = new Compositions();
        var run = new TemplateRun(defines, compositions);
        foreach (var file in files)
        {
            run.Run(file, TemplateScope.Of(new TemplateValue.Path(ValuesPath.Top)), [Tail.Nothing]);
        }

        return run.IsWhole ? compositions : null;
    }

    private ImmutableArray<Tail> Run(List<TemplateStep> body, TemplateScope scope, ImmutableArray<Tail> tails)
    {
        foreach (var step in body)
        {
            if (++steps > MaxSteps)
            {
                return [Tail.Lost];
            }

            tails = step switch
            {
                TemplateStep.Literal literal => Tail.Print(tails, literal.Text),
                TemplateStep.Print print => Print(print.Value, scope, tails),
                TemplateStep.Assign assign => Assign(assign, scope, tails),
                TemplateStep.Block block => Run(block, scope, tails),
                _ => tails,
            };
        }

        return tails;
    }

    private ImmutableArray<Tail> Assign(TemplateStep.Assign assign, TemplateScope scope, ImmutableArray<Tail> tails)
    {
        var value = functions.Evaluate(assign.Value, scope);
        if (assign.IsNew)
        {
            scope.Declare(assign.Name, value);
        }
        else
        {
            scope.Change(assign.Name, value);
        }

        return tails;
    }

    // A helper that is printed as it stands goes on with what was printed before it: {{ template "registry" . }}{{ .repository }}
    private ImmutableArray<Tail> Print(TemplateExpression value, TemplateScope scope, ImmutableArray<Tail> tails) =>
        value is TemplateExpression.Call { Name: "include", Arguments: [TemplateExpression.Text name, var given] }
            && defines.TryGetValue(name.Value, out var body) && depth < MaxDepth
            ? Enter(body, functions.Evaluate(given, scope), tails)
            : functions.Print(value, scope, tails);

    private ImmutableArray<Tail> Enter(List<TemplateStep> body, TemplateValue given, ImmutableArray<Tail> tails)
    {
        depth++;
        var after = Run(body, TemplateScope.Of(given), tails);
        depth--;
        return after;
    }

    private TemplateValue Include(string name, TemplateValue given)
    {
        var key = $"{name} {given.Key}";
        if (included.TryGetValue(key, out var known))
        {
            return known;
        }

        if (!defines.TryGetValue(name, out var body) || depth >= MaxDepth || included.Count >= MaxIncluded)
        {
            return TemplateValue.Unknown;
        }

        // One that calls itself says nothing.
        included[key] = TemplateValue.Unknown;
        var value = Enter(body, given, [Tail.Nothing]) is [var tail] ? tail.Value : TemplateValue.Unknown;
        included[key] = value;
        return value;
    }

    private ImmutableArray<Tail> Run(TemplateStep.Block block, TemplateScope scope, ImmutableArray<Tail> tails)
    {
        var value = functions.Evaluate(block.Value, scope);
        var inner = scope.Inner();
        var then = inner;
        if (block.Kind == "range")
        {
            value = value is TemplateValue.Sequence or TemplateValue.Dictionary ? TemplateValue.Unknown : value.At(ValuesPath.Any);
        }

        if (block.Kind is "range" or "with")
        {
            then = scope.Inner(value);
        }

        for (var i = 0; i < block.Variables.Count; i++)
        {
            then.Declare(block.Variables[i], i == block.Variables.Count - 1 ? value : TemplateValue.Unknown);
        }

        var first = Run(block.Then, then, tails);
        var second = Run(block.Else, scope.Inner(), tails);
        // {{ if A }}{{ A }}{{ else }}{{ B }}{{ end }}
        return block.Kind != "range" && tails is [{ IsNothing: true }] && first is [var one] && second is [var other] && one.Value.Key == value.Key && value != TemplateValue.Unknown
            ? [new Tail(TemplateValue.First([value, other.Value]), "")]
            : Tail.Union(first, second);
    }
}
