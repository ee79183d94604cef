namespace Millpond.Rewriting.Charts;

/// <summary>The dot and the variables at one place of a template.</summary>
internal sealed class TemplateScope
{
    private readonly TemplateScope? outer;
    private readonly Dictionary<string, TemplateValue> variables = new(StringComparer.Ordinal);

    private TemplateScope(TemplateScope? outer, TemplateValue dot)
    {
        this.outer = outer;
        Dot = dot;
    }

    public TemplateValue Dot { get; }

    /// <summary>Of a template that is given something.</summary>
    public static TemplateScope Of(TemplateValue given)
    {
        var scope = new TemplateScope(null, given);
        scope.Declare("$", given);
        return scope;
    }

    public TemplateScope Inner(TemplateValue? dot = null) => new(this, dot ?? Dot);

    public TemplateValue Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.outer)
        {
            if (scope.variables.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return TemplateValue.Unknown;
    }

    public void Declare(string name, TemplateValue value) => variables[name] = value;

    /// <summary>In a branch it may or may not be changed.</summary>
    public void Change(string name, TemplateValue value)
    {
        for (var scope = this; scope is not null; scope = scope.outer)
        {
            if (scope.variables.TryGetValue(name, out var before))
            {
                scope.variables[name] = scope == this || before.Key == value.Key ? value : TemplateValue.Unknown;
                return;
            }
        }
    }
}
