using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Places;

/// <summary>Tag and digest that stand apart from the name, as they would be written behind it.</summary>
internal static class ReferenceSuffix
{
    private const int HexLength = 64;

    /// <summary>A reference without its tag and digest.</summary>
    public static string Without(string reference)
    {
        var name = reference.Split('@')[0];
        var colon = name.LastIndexOf(':');
        return colon > name.LastIndexOf('/') ? name[..colon] : name;
    }

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
