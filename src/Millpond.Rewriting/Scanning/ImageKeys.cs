using System.Buffers;

namespace Millpond.Rewriting.Scanning;

/// <summary>Whether a key, a flag or a variable's name says that its text is an image.</summary>
internal static class ImageKeys
{
    private static readonly SearchValues<string> Words = SearchValues.Create(["image", "repositoryandtag", "containerdisk"], StringComparison.OrdinalIgnoreCase);

    // A registry, or what goes with an image, is none. Neither is a list of what is allowed (see the table "mentions").
    private static readonly SearchValues<string> Others = SearchValues.Create(
        ["registry", "registries", "mirror", "prefix", "pullsecret", "pull_secret", "policy", "policies", "repositories"], StringComparison.OrdinalIgnoreCase);

    public static bool Says(ReadOnlySpan<char> key) => key.ContainsAny(Words) && (EndsWithImage(key) || !key.ContainsAny(Others)) && !IsBareFlag(key);

    // The last word counts: an image of a registry is one, the registry of an image is none.
    private static bool EndsWithImage(ReadOnlySpan<char> key) =>
        key.EndsWith("image", StringComparison.OrdinalIgnoreCase) || key.EndsWith("images", StringComparison.OrdinalIgnoreCase);

    // What a program does with "--image" alone is its own: it may compare, copy or scan.
    private static bool IsBareFlag(ReadOnlySpan<char> key) => key is "--image" or "-image";
}
