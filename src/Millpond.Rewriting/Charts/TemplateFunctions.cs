using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>What the functions of Helm's templates give, as far as it matters for what is put before a repository.</summary>
/// <param name="include">What a named template prints when it is given something.</param>
/// <param name="compositions">Gets what is printed.</param>
internal sealed class TemplateFunctions(Func<string, TemplateValue, TemplateValue> include, Compositions compositions)
{
    private const int MaxDepth = 64;
    private int depth;

    public TemplateValue Evaluate(TemplateExpression expression, TemplateScope scope)
    {
        if (depth > MaxDepth)
        {
            return TemplateValue.Unknown;
        }

        depth++;
        var value = expression switch
        {
            TemplateExpression.Text text => new TemplateValue.Constant(text.Value),
            TemplateExpression.Dot => scope.Dot,
            TemplateExpression.Variable variable => scope.Find(variable.Name),
            TemplateExpression.Field field => field.Keys.Aggregate(Evaluate(field.Of, scope), (of, key) => of.At(key)),
            TemplateExpression.Call call => Call(call, scope),
            _ => TemplateValue.Unknown,
        };
        depth--;
        return value;
    }

    /// <summary>Prints what an action gives.</summary>
    public ImmutableArray<Tail> Print(TemplateExpression expression, TemplateScope scope, ImmutableArray<Tail> tails) =>
        expression is TemplateExpression.Call { Name: "printf" or "print" } call
            ? PrintPieces(call.Name, [.. call.Arguments.Select(argument => Evaluate(argument, scope))], tails)
            : compositions.Print(tails, Evaluate(expression, scope));

    private TemplateValue Call(TemplateExpression.Call call, TemplateScope scope)
    {
        ImmutableArray<TemplateValue> given = [.. call.Arguments.Select(argument => Evaluate(argument, scope))];
        return (call.Name, given) switch
        {
            ("default", [var other, var value]) => TemplateValue.First([value, other]),
            ("coalesce" or "or", [_, ..]) => TemplateValue.First(given),
            ("include", [TemplateValue.Constant name, var value]) => include(name.Text, value),
            ("printf" or "print", [_, ..]) => Join(call.Name, given),
            ("index" or "get", [var of, ..]) => given.Skip(1).Aggregate(of, At),
            ("dig", [.., var other, var of]) => TemplateValue.First([given.Take(given.Length - 2).Aggregate(of, At), other]),
            ("dict", _) => Dictionary(given),
            ("list" or "tuple", _) => TemplateValue.Of(given),
            // What these do to a registry's name does not make another of it.
            ("tpl", [var text, _]) => text,
            ("toString" or "quote" or "squote" or "trim" or "lower" or "deepCopy" or "mustDeepCopy", [var text]) => text,
            ("trimSuffix" or "trimPrefix" or "trimAll" or "required", [_, var text]) => text,
            _ => TemplateValue.Unknown,
        };
    }

    private static TemplateValue At(TemplateValue of, TemplateValue key) => (of, key) switch
    {
        (TemplateValue.Sequence sequence, _) => TemplateValue.Unknown,
        (_, TemplateValue.Constant name) => of.At(name.Text),
        (TemplateValue.Path path, _) => path.At(ValuesPath.Any),
        _ => TemplateValue.Unknown,
    };

    private static TemplateValue Dictionary(ImmutableArray<TemplateValue> given)
    {
        var keys = ImmutableDictionary.CreateBuilder<string, TemplateValue>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < given.Length; i += 2)
        {
            if (given[i] is not TemplateValue.Constant key)
            {
                return TemplateValue.Unknown;
            }

            keys[key.Text] = given[i + 1];
        }

        return TemplateValue.Of(keys.ToImmutable());
    }

    private TemplateValue Join(string function, ImmutableArray<TemplateValue> given)
    {
        var pieces = Pieces(function, given);
        PrintAll(pieces, [Tail.Nothing]);
        return pieces switch
        {
            [] => TemplateValue.Empty,
            [var one] => one,
            _ when pieces.TrueForAll(piece => piece is TemplateValue.Constant) => new TemplateValue.Constant(string.Concat(pieces.Cast<TemplateValue.Constant>().Select(piece => piece.Text))),
            [TemplateValue.Constant, ..] => TemplateValue.Unknown,
            [var first, ..] => new TemplateValue.Beginning(first),
        };
    }

    private ImmutableArray<Tail> PrintPieces(string function, ImmutableArray<TemplateValue> given, ImmutableArray<Tail> tails) => PrintAll(Pieces(function, given), tails);

    private ImmutableArray<Tail> PrintAll(List<TemplateValue> pieces, ImmutableArray<Tail> tails) =>
        pieces.Aggregate(tails, (printed, piece) => compositions.Print(printed, piece));

    // "%s/%s:%s" with what stands for each.
    private static List<TemplateValue> Pieces(string function, ImmutableArray<TemplateValue> given)
    {
        if (function == "print" || given is not [TemplateValue.Constant format, ..])
        {
            return function == "print" ? [.. given] : [TemplateValue.Unknown];
        }

        var pieces = new List<TemplateValue>();
        var next = 1;
        var at = 0;
        while (at < format.Text.Length)
        {
            var verb = format.Text.IndexOf('%', at);
            if (verb != at)
            {
                pieces.Add(new TemplateValue.Constant(format.Text[at..(verb < 0 ? format.Text.Length : verb)]));
            }

            if (verb < 0 || verb + 1 >= format.Text.Length)
            {
                break;
            }

            pieces.Add(format.Text[verb + 1] is 's' or 'v' && next < given.Length ? given[next] : TemplateValue.Unknown);
            next++;
            at = verb + 2;
        }

        return pieces;
    }
}
