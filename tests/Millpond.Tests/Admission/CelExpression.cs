using System.Text.RegularExpressions;

namespace Millpond.Tests.Admission;

/// <summary>
/// An expression of CEL (github.com/google/cel-spec), as far as the generated policy goes: texts, whole numbers, lists, maps and messages, the
/// operators between them, <c>has</c>, <c>map</c>, <c>filter</c>, <c>exists</c> and the functions of texts. What it does not know it
/// refuses while reading, so that a policy which uses more of CEL fails its test. A real library says the same (Clients/PolicyEvaluationTests).
/// </summary>
internal sealed partial class CelExpression
{
    private readonly List<string> tokens;
    private readonly Func<Scope, object?> root;
    private int at;

    private CelExpression(string text)
    {
        var matches = Token().Matches(text);
        Assert.True(Token().Replace(text, "").All(char.IsWhiteSpace), "the expression holds what is no word of it");
        tokens = [.. matches.Select(match => match.Value)];
        root = Conditional();
        Assert.True(at == tokens.Count, $"'{(at < tokens.Count ? tokens[at] : "")}' follows an expression that has ended");
    }

    public static CelExpression Parse(string text) => new(text);

    public object? Evaluate(IReadOnlyDictionary<string, object?> variables) => root(new Scope(variables, null, null));

    private Func<Scope, object?> Conditional()
    {
        var condition = Or();
        if (!Take("?"))
        {
            return condition;
        }

        var yes = Conditional();
        Expect(":");
        var no = Conditional();
        return scope => (bool)condition(scope)! ? yes(scope) : no(scope);
    }

    private Func<Scope, object?> Or()
    {
        var left = And();
        while (Take("||"))
        {
            var (before, right) = (left, And());
            left = scope => (bool)before(scope)! || (bool)right(scope)!;
        }

        return left;
    }

    private Func<Scope, object?> And()
    {
        var left = Relation();
        while (Take("&&"))
        {
            var (before, right) = (left, Relation());
            left = scope => (bool)before(scope)! && (bool)right(scope)!;
        }

        return left;
    }

    private Func<Scope, object?> Relation()
    {
        var left = Sum();
        if (Take("=="))
        {
            var right = Sum();
            return scope => Equals(left(scope), right(scope));
        }

        if (Take("!="))
        {
            var right = Sum();
            return scope => !Equals(left(scope), right(scope));
        }

        if (Take("in"))
        {
            var right = Sum();
            return scope => right(scope) switch
            {
                List<object?> list => list.Contains(left(scope)),
                Dictionary<string, object?> map => map.ContainsKey((string)left(scope)!),
                var other => throw new InvalidOperationException($"nothing is in {other}"),
            };
        }

        return left;
    }

    private Func<Scope, object?> Sum()
    {
        var left = Unary();
        while (Take("+"))
        {
            var (before, right) = (left, Unary());
            left = scope => (before(scope), right(scope)) switch
            {
                (string one, string other) => one + other,
                (long one, long other) => one + other,
                (List<object?> one, List<object?> other) => new List<object?>([.. one, .. other]),
                var pair => throw new InvalidOperationException($"{pair} have no sum"),
            };
        }

        return left;
    }

    private Func<Scope, object?> Unary()
    {
        if (!Take("!"))
        {
            return Member();
        }

        var operand = Unary();
        return scope => !(bool)operand(scope)!;
    }

    private Func<Scope, object?> Member()
    {
        var value = Primary();
        while (true)
        {
            if (Take("["))
            {
                var (map, key) = (value, Conditional());
                Expect("]");
                value = scope => ((Dictionary<string, object?>)map(scope)!)[(string)key(scope)!];
            }
            else if (Take("."))
            {
                var (name, operand) = (Next(), value);
                value = Take("(") ? Call(operand, name) : scope => ((Dictionary<string, object?>)operand(scope)!)[name];
            }
            else
            {
                return value;
            }
        }
    }

    private Func<Scope, object?> Call(Func<Scope, object?> operand, string name)
    {
        if (name is "map" or "filter" or "exists")
        {
            var variable = Next();
            Expect(",");
            var body = Conditional();
            Expect(")");
            return Macro(operand, name, variable, body);
        }

        var arguments = Arguments(")");
        return scope => CelText.Call((string)operand(scope)!, name, [.. arguments.Select(argument => argument(scope))]);
    }

    private static Func<Scope, object?> Macro(Func<Scope, object?> operand, string name, string variable, Func<Scope, object?> body) => scope =>
    {
        var list = (List<object?>)operand(scope)!;
        object? Of(object? item) => body(new Scope(scope.Variables, scope, (variable, item)));
        return name switch
        {
            "map" => list.Select(Of).ToList(),
            "filter" => list.Where(item => (bool)Of(item)!).ToList(),
            _ => list.Any(item => (bool)Of(item)!),
        };
    };

    private Func<Scope, object?> Primary()
    {
        var token = Next();
        if (token == "(")
        {
            var inner = Conditional();
            Expect(")");
            return inner;
        }

        if (token == "[")
        {
            var items = Arguments("]");
            return scope => items.Select(item => item(scope)).ToList();
        }

        if (token == "{")
        {
            return Entries(Conditional);
        }

        if (token[0] == '\'')
        {
            Assert.DoesNotContain('\\', token);
            return _ => token[1..^1];
        }

        if (char.IsAsciiDigit(token[0]))
        {
            return _ => long.Parse(token, null);
        }

        Assert.True(char.IsAsciiLetter(token[0]), $"'{token}' begins no expression");
        return token switch
        {
            "has" => Has(),
            "Object" => Message(),
            _ => scope => scope[token],
        };
    }

    private Func<Scope, object?> Has()
    {
        Expect("(");
        var end = tokens.FindIndex(at, token => token == ")");
        var name = tokens[end - 1];
        var whole = tokens[at..(end - 2)];
        Assert.Equal(".", tokens[end - 2]);
        at = end + 1;
        return scope => whole.Where(token => token != ".").Skip(1).Aggregate(scope[whole[0]], (value, member) => ((Dictionary<string, object?>)value!)[member])
            is Dictionary<string, object?> map && map.ContainsKey(name);
    }

    /// <summary><c>Object.spec.containers{…}</c>: the type is Kubernetes', its fields are names.</summary>
    private Func<Scope, object?> Message()
    {
        while (Take("."))
        {
            Next();
        }

        Expect("{");
        return Entries(() =>
        {
            var name = Next();
            return _ => name;
        });
    }

    private Func<Scope, object?> Entries(Func<Func<Scope, object?>> key)
    {
        var entries = new List<(Func<Scope, object?> Key, Func<Scope, object?> Value)>();
        while (!Take("}"))
        {
            var name = key();
            Expect(":");
            entries.Add((name, Conditional()));
            if (!Take(","))
            {
                Expect("}");
                break;
            }
        }

        return scope => entries.ToDictionary(entry => (string)entry.Key(scope)!, entry => entry.Value(scope));
    }

    private List<Func<Scope, object?>> Arguments(string end)
    {
        var arguments = new List<Func<Scope, object?>>();
        while (!Take(end))
        {
            arguments.Add(Conditional());
            if (!Take(","))
            {
                Expect(end);
                break;
            }
        }

        return arguments;
    }

    private string Next() => at < tokens.Count ? tokens[at++] : throw new InvalidOperationException("the expression breaks off");

    private bool Take(string token)
    {
        if (at == tokens.Count || tokens[at] != token)
        {
            return false;
        }

        at++;
        return true;
    }

    private void Expect(string token) => Assert.True(Take(token), $"'{token}' is missing before '{(at < tokens.Count ? tokens[at] : "the end")}'");

    [GeneratedRegex(@"'[^']*'|\w+|\|\||&&|==|!=|[?:!+.,()\[\]{}]", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    private sealed record Scope(IReadOnlyDictionary<string, object?> Variables, Scope? Outer, (string Name, object? Value)? Own)
    {
        public object? this[string name] => Own is { } own && own.Name == name ? own.Value : Outer is not null ? Outer[name] : Variables[name];
    }
}

/// <summary>The functions of texts, those of Kubernetes' extension included.</summary>
internal static class CelText
{
    public static object? Call(string text, string name, object?[] arguments) => (name, arguments) switch
    {
        ("contains", [string part]) => text.Contains(part, StringComparison.Ordinal),
        ("startsWith", [string part]) => text.StartsWith(part, StringComparison.Ordinal),
        ("indexOf", [string part]) => (long)text.IndexOf(part, StringComparison.Ordinal),
        ("substring", [long from]) => text[(int)from..],
        ("split", [string separator]) => text.Split(separator).Cast<object?>().ToList(),
        ("trim", []) => text.Trim(),
        // RE2's end is the text's; .NET's is also before a last line feed.
        ("matches", [string pattern]) => Regex.IsMatch(text, pattern.Replace("$", @"\z", StringComparison.Ordinal), RegexOptions.CultureInvariant),
        _ => throw new InvalidOperationException($"{name} with {arguments.Length} arguments is unknown here"),
    };
}
