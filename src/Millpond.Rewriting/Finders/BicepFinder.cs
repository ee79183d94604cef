using Millpond.Images;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Bicep: the image of a container, in a list called <c>containers</c> or <c>initContainers</c> (for Container Instances one mapping further in), and
/// the default of a parameter or the text of a variable that such an image is. Only brackets, strings and comments are looked at.
/// </summary>
internal sealed class BicepFinder(DocumentFinders finders)
{
    public void Find(Layer layer) => new Reading(finders.Collector, layer).Run();

    private sealed class Reading(PlaceCollector collector, Layer layer)
    {
        private const int MaxDepth = 256;

        private readonly List<string> open = [];
        private readonly Dictionary<string, (int Start, int End)> declared = new(StringComparer.Ordinal);
        private readonly List<string> pointed = [];
        private string word = "";
        private string key = "";

        public void Run()
        {
            var text = layer.Bytes.Span;
            for (var at = 0; at < text.Length && open.Count < MaxDepth;)
            {
                at = Step(text, at);
            }

            foreach (var name in pointed)
            {
                if (declared.TryGetValue(name, out var given))
                {
                    Add(given.Start, given.End);
                }
            }
        }

        private int Step(ReadOnlySpan<byte> text, int at)
        {
            switch (text[at])
            {
                case (byte)'/' when text[at..].StartsWith("//"u8):
                    return EndOf(text, at, "\n"u8);
                case (byte)'/' when text[at..].StartsWith("/*"u8):
                    return EndOf(text, at, "*/"u8);
                case (byte)'\'':
                    return ReadText(text, at);
                case (byte)'[' or (byte)'{':
                    open.Add(key);
                    key = "";
                    return at + 1;
                case (byte)']' or (byte)'}':
                    if (open.Count > 0)
                    {
                        open.RemoveAt(open.Count - 1);
                    }

                    key = "";
                    return at + 1;
                case (byte)':':
                    key = word;
                    word = "";
                    return at + 1;
                case (byte)'\n':
                    Point();
                    return at + 1;
                case var letter when IsLetter(letter):
                    return ReadWord(text, at);
                default:
                    return at + 1;
            }
        }

        private int ReadWord(ReadOnlySpan<byte> text, int at)
        {
            var end = at;
            while (end < text.Length && IsLetter(text[end]))
            {
                end++;
            }

            var read = WideText.FromBytes(text[at..end]);
            // param NAME string = 'x', var NAME = 'x'
            key = word is "param" or "var" && open.Count == 0 ? $"={read}" : key;
            word = read;
            return end;
        }

        private int ReadText(ReadOnlySpan<byte> text, int at)
        {
            if (text[at..].StartsWith("'''"u8))
            {
                return EndOf(text, at + 3, "'''"u8);
            }

            var end = at + 1;
            while (end < text.Length && text[end] is not ((byte)'\'' or (byte)'\n'))
            {
                end += text[end] == '\\' ? 2 : 1;
            }

            end = Math.Min(end, text.Length);
            if (IsImage())
            {
                Add(at + 1, end);
            }
            else if (key is ['=', ..])
            {
                declared[key[1..]] = (at + 1, end);
            }

            (key, word) = ("", "");
            return Math.Min(end + 1, text.Length);
        }

        // image: NAME
        private void Point()
        {
            if (word.Length > 0 && IsImage())
            {
                pointed.Add(word);
            }

            (key, word) = ("", "");
        }

        private bool IsImage() => key == "image"
            && (open is [.., "containers" or "initContainers", _] || (open is [.., "containers" or "initContainers", _, "properties"]));

        private void Add(int start, int end)
        {
            var text = WideText.FromBytes(layer.Bytes.Span[start..end]);
            if (ImageReference.TryParse(text, out _) || Placeholders.LiteralNameLength(text) > 0)
            {
                collector.Add(PlaceKind.Container, Trail.Root.At("image"), layer, start, end);
            }
        }

        private static int EndOf(ReadOnlySpan<byte> text, int at, ReadOnlySpan<byte> mark) =>
            text[at..].IndexOf(mark) is >= 0 and var length ? at + length + mark.Length : text.Length;

        private static bool IsLetter(byte value) => char.IsAsciiLetterOrDigit((char)value) || value == '_';
    }
}
