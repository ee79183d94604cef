using System.Text.RegularExpressions;

namespace Millpond.Rewriting.Places;

/// <summary>
/// The parameters and variables that fill in an image: what <c>image: $(params.builder)</c> points to is an image, whatever its name says
/// and whether it names its registry or not.
/// </summary>
internal static partial class PointedNames
{
    /// <summary>No name is as long. A limit in time would fail on a machine that is busy with something else.</summary>
    private const int MaxLength = 512;

    private static readonly HashSet<string> None = [];

    public static HashSet<string> Of(IReadOnlyList<Place> places)
    {
        HashSet<string>? names = null;
        foreach (var place in places)
        {
            if (place.Obstacle == Obstacle.Placeholder && place.Reference.Length <= MaxLength && Whole().Match(place.Reference) is { Success: true } match)
            {
                (names ??= new(StringComparer.Ordinal)).Add(match.Groups["name"].Value);
            }
        }

        return names ?? None;
    }

    // Linear, and so without a time limit, which a busy machine would pass. Tekton, Argo Workflows, Azure Pipelines and matrices of GitHub's, CircleCI, Terraform and Nomad, shells and GitLab, CloudFormation's !Ref, ARM templates.
    [GeneratedRegex(
        """
        \A(?:\$\((?:inputs\.)?params\.(?<name>[\w-]+)\)
        |\{\{\s*(?:inputs\.|workflow\.)?parameters\.(?<name>[\w-]+)\s*\}\}
        |\$\{\{\s*(?:parameters|variables|matrix)\.(?<name>[\w-]+)\s*\}\}
        |<<\s*(?:pipeline\.)?parameters\.(?<name>[\w-]+)\s*>>
        |\$\{var\.(?<name>[\w-]+)\}
        |\$\{?(?<name>[A-Za-z_]\w*)\}?
        |(?<name>[A-Za-z]\w*)
        |\[(?:parameters|variables)\('(?<name>[\w-]+)'\)\])\z
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Whole();
}
