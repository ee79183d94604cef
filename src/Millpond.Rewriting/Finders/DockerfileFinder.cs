using Millpond.Images;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Dockerfiles: <c>FROM</c>, <c>COPY --from</c>, <c>RUN --mount=from</c> and <c># syntax</c>. Names of stages stay; where a reference is
/// filled in from an <c>ARG</c>, the ARG's default is what is edited.
/// </summary>
internal sealed class DockerfileFinder(DocumentFinders finders)
{
    public void Find(Layer layer, Trail trail) => new Reading(finders.Collector, layer, trail).Run();

    private sealed class Reading(PlaceCollector collector, Layer layer, Trail trail)
    {
        private readonly HashSet<string> stages = new(StringComparer.OrdinalIgnoreCase);
        private readonly Dictionary<string, DockerfileWord> defaults = new(StringComparer.Ordinal);

        public void Run()
        {
            var instructions = new DockerfileInstructions(layer.Bytes);
            foreach (var instruction in instructions.Read())
            {
                Visit(instruction.Name, instruction.Words);
            }

            if (instructions.Syntax is { } syntax)
            {
                collector.Add(PlaceKind.BuildSyntax, trail.At("syntax"), layer, syntax.Start, syntax.End);
            }
        }

        private void Visit(string name, IReadOnlyList<DockerfileWord> words)
        {
            switch (name)
            {
                case "ONBUILD" when words.Count > 0:
                    Visit(words[0].Text.ToUpperInvariant(), [.. words.Skip(1)]);
                    break;
                // Only an ARG before the first FROM can be used in one.
                case "ARG" when stages.Count == 0:
                    foreach (var word in words)
                    {
                        Remember(word);
                    }

                    break;
                case "FROM":
                    VisitFrom(words);
                    break;
                case "COPY" or "ADD":
                    foreach (var word in words.TakeWhile(word => word.Text.StartsWith("--", StringComparison.Ordinal)))
                    {
                        FindSource(word, "--from=");
                    }

                    break;
                case "RUN":
                    foreach (var word in words.TakeWhile(word => word.Text.StartsWith("--", StringComparison.Ordinal)))
                    {
                        if (word.Text.StartsWith("--mount=", StringComparison.Ordinal))
                        {
                            FindSource(word, "from=");
                        }
                    }

                    break;
            }
        }

        private void Remember(DockerfileWord word)
        {
            var equals = word.Text.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && Unquote(word, equals + 1) is { } value)
            {
                defaults[word.Text[..equals]] = value;
            }
        }

        private void VisitFrom(IReadOnlyList<DockerfileWord> words)
        {
            var rest = words.SkipWhile(word => word.Text.StartsWith("--", StringComparison.Ordinal)).ToList();
            if (rest.Count > 0 && Unquote(rest[0], 0) is { } image && !stages.Contains(image.Text) && image.Text != "scratch")
            {
                FindReference(image);
            }

            // A stage without a name has its number.
            stages.Add(rest.Count >= 3 && rest[1].Text.Equals("AS", StringComparison.OrdinalIgnoreCase) ? rest[2].Text : $"{stages.Count}");
        }

        private void FindReference(DockerfileWord image)
        {
            var variable = DockerfileVariable.AtStart(image);
            if (variable is null)
            {
                collector.Add(PlaceKind.From, trail.At("FROM"), layer, image.Start, image.End);
                return;
            }

            var value = variable.Default ?? (defaults.TryGetValue(variable.Name, out var argument) ? argument : (DockerfileWord?)null);
            if (value is not { Text.Length: > 0 } known)
            {
                collector.Add(PlaceKind.From, trail.At("FROM"), layer, image.Start, image.End);
            }
            else if (variable.End == image.End)
            {
                collector.Add(PlaceKind.BuildArgument, trail.At("ARG").At(variable.Name), layer, known.Start, known.End);
            }
            else
            {
                AddSplit(image, variable, known);
            }
        }

        // ${REGISTRY}/team/app:1 — the ARG is a registry that several lines may share.
        private void AddSplit(DockerfileWord image, DockerfileVariable variable, DockerfileWord registry)
        {
            var rest = image.Text[(variable.End - image.Start)..];
            var length = Placeholders.IsIn(rest) ? Placeholders.LiteralNameLength("x" + rest) - 1 : rest.Length;
            var repository = length > 1 && rest[0] == '/' ? rest[1..length] : "";
            var name = $"{registry.Text.TrimEnd('/')}/{repository}";
            collector.Add(new Place
            {
                Kind = PlaceKind.From,
                Path = trail.At("FROM").ToString(),
                Reference = registry.Text + rest,
                Name = repository.Length > 0 ? name : registry.Text + rest,
                Registry = repository.Length > 0 ? EditableText.Of(layer, registry.Start, registry.End) : null,
                Repository = repository,
                Text = repository.Length > 0 ? EditableText.Of(layer, variable.End + 1, variable.End + length) : null,
                Obstacle = repository.Length > 0 && ImageReference.TryParse(name, out _) ? null : Obstacle.Placeholder,
                Offset = layer.DocumentOffset(image.Start),
            });
        }

        private void FindSource(DockerfileWord word, string key)
        {
            var start = word.Text.IndexOf(key, StringComparison.Ordinal);
            if (start < 0 || (start > 0 && word.Text[start - 1] is not (',' or '=')))
            {
                return;
            }

            start += key.Length;
            var end = word.Text.IndexOf(',', start);
            var source = word.Text[start..(end < 0 ? word.Text.Length : end)];
            // A bare word that is no stage may be a build context by that name, which only the build's command line knows.
            if (source.AsSpan().ContainsAny('/', ':', '@') && !stages.Contains(source))
            {
                collector.Add(PlaceKind.CopyFrom, trail.At("--from"), layer, word.Start + start, word.Start + start + source.Length);
            }
        }

        private static DockerfileWord? Unquote(DockerfileWord word, int start)
        {
            var text = word.Text[start..];
            if (text.Length >= 2 && text[0] is '"' or '\'' && text[^1] == text[0])
            {
                return new DockerfileWord(word.Start + start + 1, word.End - 1, text[1..^1]);
            }

            return text.AsSpan().ContainsAny('"', '\'') ? null : new DockerfileWord(word.Start + start, word.End, text);
        }
    }
}
