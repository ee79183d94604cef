using System.Buffers;

namespace Millpond.Rewriting.Charts;

/// <summary>A part of a template: what it prints, one after another.</summary>
internal abstract record TemplateStep
{
    public sealed record Literal(string Text) : TemplateStep;

    public sealed record Print(TemplateExpression Value) : TemplateStep;

    /// <param name="IsNew">Declared rather than changed.</param>
    public sealed record Assign(string Name, TemplateExpression Value, bool IsNew) : TemplateStep;

    /// <summary><c>if</c>, <c>with</c> and <c>range</c>, with what is printed else.</summary>
    public sealed record Block(string Kind, IReadOnlyList<string> Variables, TemplateExpression Value, List<TemplateStep> Then, List<TemplateStep> Else) : TemplateStep;
}

/// <summary>Reads templates: the steps of each file, and of each <c>define</c> by its name.</summary>
internal sealed class TemplateBody
{
    private const int MaxDepth = 64;

    private static readonly SearchValues<char> WordEnds = SearchValues.Create(" \t\r\n(\"");

    private readonly Dictionary<string, List<TemplateStep>> defines;
    private readonly IEnumerator<TemplatePiece> pieces;
    private int depth;

    private TemplateBody(string text, Dictionary<string, List<TemplateStep>> defines)
    {
        this.defines = defines;
        pieces = TemplatePieces.Of(text).GetEnumerator();
    }

    /// <summary>What the file prints; what it defines is added.</summary>
    public static List<TemplateStep> Read(string text, Dictionary<string, List<TemplateStep>> defines) => new TemplateBody(text, defines).ReadSteps(out _);

    private List<TemplateStep> ReadSteps(out string end)
    {
        var steps = new List<TemplateStep>();
        end = "";
        while (pieces.MoveNext())
        {
            var (isAction, text) = pieces.Current;
            if (!isAction)
            {
                steps.Add(new TemplateStep.Literal(text));
                continue;
            }

            var word = text[..(text.AsSpan().IndexOfAny(WordEnds) is >= 0 and var length ? length : text.Length)];
            if (word is "end" or "else")
            {
                end = text;
                return steps;
            }

            if (depth >= MaxDepth)
            {
                // What is nested like this is no chart; the rest of the file says nothing.
                while (pieces.MoveNext())
                {
                }

                return steps;
            }

            Read(word, text[word.Length..].Trim(), text, steps);
        }

        return steps;
    }

    private void Read(string word, string rest, string action, List<TemplateStep> steps)
    {
        switch (word)
        {
            case "if" or "with" or "range":
                steps.Add(ReadBlock(word, rest));
                break;
            case "define" or "block":
                var name = rest.Split('"') is [_, var quoted, ..] ? quoted : "";
                depth++;
                defines[name] = ReadSteps(out _);
                depth--;
                if (word == "block")
                {
                    steps.Add(new TemplateStep.Print(TemplateExpression.Parse("include " + rest)));
                }

                break;
            case "template":
                steps.Add(new TemplateStep.Print(TemplateExpression.Parse("include " + rest)));
                break;
            case "break" or "continue" or "":
                break;
            default:
                steps.Add(TryAssign(action, out var assign) ? assign : new TemplateStep.Print(TemplateExpression.Parse(action)));
                break;
        }
    }

    private TemplateStep.Block ReadBlock(string kind, string rest)
    {
        var variables = new List<string>();
        // if $x := …, range $key, $value := …
        var assigned = rest.IndexOf(":=", StringComparison.Ordinal);
        if (rest.StartsWith('$') && assigned > 0)
        {
            variables.AddRange(rest[..assigned].Split(',').Select(name => name.Trim()));
            rest = rest[(assigned + 2)..];
        }

        depth++;
        var then = ReadSteps(out var end);
        List<TemplateStep> otherwise = [];
        if (end.StartsWith("else", StringComparison.Ordinal))
        {
            var next = end["else".Length..].Trim();
            var word = next.Split(' ', 2)[0];
            if (word is "if" or "with")
            {
                otherwise.Add(ReadBlock(word, next[word.Length..].Trim()));
            }
            else
            {
                otherwise = ReadSteps(out _);
            }
        }

        depth--;
        return new TemplateStep.Block(kind, variables, TemplateExpression.Parse(rest), then, otherwise);
    }

    private static bool TryAssign(string action, out TemplateStep.Assign assign)
    {
        assign = null!;
        var length = 1;
        while (length < action.Length && (char.IsLetterOrDigit(action[length]) || action[length] == '_'))
        {
            length++;
        }

        if (action[0] != '$' || length < 2)
        {
            return false;
        }

        var rest = action[length..].TrimStart();
        var isNew = rest.StartsWith(":=", StringComparison.Ordinal);
        if (!isNew && !rest.StartsWith('='))
        {
            return false;
        }

        assign = new TemplateStep.Assign(action[..length], TemplateExpression.Parse(rest[(isNew ? 2 : 1)..]), isNew);
        return true;
    }
}
