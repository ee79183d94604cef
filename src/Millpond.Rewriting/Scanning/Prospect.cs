using System.Text;

namespace Millpond.Rewriting.Scanning;

/// <summary>Whether it can be worth the while to parse a document: most files of a repository name no image at all.</summary>
internal static class Prospect
{
    /// <summary>
    /// Without one of these no place is known: the keys of the tables have them (a test goes through them), and so has every form of Helm
    /// values. The last ones begin characters, slashes and line breaks that are written as escapes: behind them a reference does not show.
    /// </summary>
    internal static readonly string[] Words =
        ["mage", "MAGE", "epo", "ontainer", "egistry", "ervices", "docker:", "\\u", "\\U", "\\x", "\\/", "\\\n", "\\\r"];

    private static readonly byte[][] Sought = [.. Words.Select(Encoding.ASCII.GetBytes)];

    /// <summary>
    /// False only where a finder would find nothing, which a test holds against all finders: not for Dockerfiles, whose every line may name an image.
    /// That is where there is neither a reference that names its registry nor one of the words.
    /// </summary>
    public static bool MayName(ReadOnlySpan<byte> text, RegistryFacts facts)
    {
        foreach (var word in Sought)
        {
            if (text.IndexOf(word) >= 0)
            {
                return true;
            }
        }

        var at = 0;
        return ReferenceScanner.TryFind(text, ref at, facts, out _);
    }
}
