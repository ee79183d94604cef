using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Places;

/// <summary>Tag and digest that stand apart from the name, as they would be written behind it.</summary>
internal static class ReferenceSuffix
{
    private const int HexLength = 64;

    public static string Of(ScalarNode? tag, ScalarNode? digest)
    {
        var text = tag is { IsNull: false } ? ":" + tag.Value : "";
        if (digest is not { IsNull: false, IsEmpty: false })
        {
            return tag is { IsEmpty: false } ? text : "";
        }

        // Some charts keep only the hexadecimal digits.
        var algorithm = digest.Value.Length == HexLength ? "sha256:" : "";
        return $"{(text == ":" ? "" : text)}@{algorithm}{digest.Value}";
    }
}
