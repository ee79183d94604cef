using System.Collections.Immutable;

namespace Millpond.Rewriting.Charts;

/// <summary>What an action of a Go template says, as far as it is about values.</summary>
internal abstract record TemplateExpression
{
    /// <summary>A string.</summary>
    public sealed record Text(string Value) : TemplateExpression;

    /// <summary>Keys of something: of the dot, of a variable, of what stands in parentheses.</summary>
    public sealed record Field(TemplateExpression Of, ImmutableArray<string> Keys) : TemplateExpression;

    public sealed record Dot : TemplateExpression;

    public sealed record Variable(string Name) : TemplateExpression;

    public sealed record Call(string Name, ImmutableArray<TemplateExpression> Arguments) : TemplateExpression;

    /// <summary>A number, a truth value, what cannot be read.</summary>
    public sealed record Other : TemplateExpression;

    /// <summary>Reads a pipeline: <c>.Values.a | default "b" | quote</c>.</summary>
    public static TemplateExpression Parse(string text) => new Reader(text).ReadPipeline();

    private sealed class Reader(string text)
    {
        private const int MaxDepth = 32;
        private int at;
        private int depth;

        public TemplateExpression ReadPipeline()
        {
            var value = ReadCommand(null);
            while (Next() == '|')
            {
                at++;
                value = ReadCommand(value);
            }

            return value;
        }

        private TemplateExpression ReadCommand(TemplateExpression? piped)
        {
            var operands = new List<TemplateExpression>();
            while (Next() is not ('\0' or '|' or ')') && ReadOperand() is { } operand)
            {
                operands.Add(operand);
            }

            if (piped is not null)
            {
                operands.Add(piped);
            }

            return operands switch
            {
                [] => new Other(),
                [Call { Arguments.IsEmpty: true } call, .. var arguments] => call with { Arguments = [.. arguments] },
                [var one] => one,
                _ => new Other(),
            };
        }

        private TemplateExpression? ReadOperand()
        {
            switch (text[at])
            {
                case '"' or '`':
                    return new Text(ReadText());
                case '(':
                    at++;
                    var inner = ++depth > MaxDepth ? Give() : ReadPipeline();
                    depth--;
                    at += Next() == ')' ? 1 : 0;
                    return ReadKeys(inner);
                case '.':
                    return ReadKeys(new Dot());
                case '$':
                    at++;
                    return ReadKeys(new Variable("$" + ReadWord()));
                default:
                    var word = ReadWord();
                    at += word.Length == 0 ? 1 : 0;
                    return word.Length == 0 || char.IsAsciiDigit(word[0]) || word is "true" or "false" or "nil" ? new Other() : new Call(word, []);
            }
        }

        private Other Give()
        {
            at = text.Length;
            return new Other();
        }

        private TemplateExpression ReadKeys(TemplateExpression of)
        {
            var keys = new List<string>();
            while (at < text.Length && text[at] == '.')
            {
                at++;
                if (ReadWord() is { Length: > 0 } key)
                {
                    keys.Add(key);
                }
            }

            return keys.Count == 0 ? of : new Field(of, [.. keys]);
        }

        private string ReadWord()
        {
            var start = at;
            while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] == '_'))
            {
                at++;
            }

            return text[start..at];
        }

        private string ReadText()
        {
            var quote = text[at];
            var start = ++at;
            while (at < text.Length && text[at] != quote)
            {
                at += text[at] == '\\' && quote == '"' ? 2 : 1;
            }

            var end = Math.Min(at, text.Length);
            at = end + 1;
            return text[start..end];
        }

        private char Next()
        {
            while (at < text.Length && (char.IsWhiteSpace(text[at]) || text[at] == ','))
            {
                at++;
            }

            return at < text.Length ? text[at] : '\0';
        }
    }
}
