using System.Text;

namespace Millpond.Tests.Fixtures;

/// <summary>Texts that are nearly right: pieces of one cut out, doubled, moved, and put beside words of another. The same seed gives the same texts.</summary>
internal sealed class Mutation(int seed, params string[] words)
{
    private readonly Random random = new(seed);

    public string Of(string text)
    {
        var made = new StringBuilder(text);
        for (var changes = random.Next(1, 6); changes > 0 && made.Length > 0; changes--)
        {
            Change(made);
        }

        return made.ToString();
    }

    public T One<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];

    private void Change(StringBuilder text)
    {
        var at = random.Next(text.Length);
        var length = Math.Min(text.Length - at, random.Next(1, 12));
        switch (random.Next(6))
        {
            case 0:
                text.Remove(at, length);
                break;
            case 1:
                text.Insert(random.Next(text.Length), text.ToString(at, length));
                break;
            case 2:
                text.Insert(at, One(words));
                break;
            case 3:
                text[at] = (char)random.Next(random.Next(4) == 0 ? 0xffff : 0x7f);
                break;
            case 4:
                text.Length = Math.Max(1, at);
                break;
            default:
                var moved = text.ToString(at, length);
                text.Remove(at, length).Insert(random.Next(text.Length + 1), moved);
                break;
        }
    }
}
