using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Millpond.Server.Access.Policies;

/// <summary>The ECR policies that AWS manages, by their names, short names and ARNs.</summary>
public static class ManagedPolicies
{
    private const string Prefix = "AmazonEC2ContainerRegistry";
    private const string ArnPrefix = "arn:aws:iam::aws:policy/";

    private static readonly ImmutableArray<string> Pulling = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

    private static readonly ImmutableArray<string> Reading =
    [
        .. Pulling, "ecr:BatchCheckLayerAvailability", "ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages",
        "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview", "ecr:ListTagsForResource", "ecr:DescribeImageScanFindings",
    ];

    private static readonly FrozenDictionary<string, PolicyDocument> ByShortName = new Dictionary<string, PolicyDocument>
    {
        ["PullOnly"] = Allowing([.. Pulling, "ecr:BatchImportUpstreamImage"]),
        ["ReadOnly"] = Allowing(Reading),
        ["PowerUser"] = Allowing([.. Reading, "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"]),
        ["FullAccess"] = Allowing(["ecr:*"]),

        // Of our own: what the server says of itself, for Prometheus.
        ["Observer"] = Allowing([AccessNames.Observe]),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>All there is, for an account's root.</summary>
    public static PolicyDocument Everything { get; } = Allowing(["*"]);

    /// <summary><c>PullOnly</c>, <c>ReadOnly</c>, <c>PowerUser</c>, <c>FullAccess</c>, and <c>Observer</c> of our own.</summary>
    public static IEnumerable<string> Names => ByShortName.Keys.Order(StringComparer.Ordinal);

    /// <summary>The short name, from any of the names; null for what is no managed policy.</summary>
    public static string? NameOf(string written)
    {
        var name = written.StartsWith(ArnPrefix, StringComparison.Ordinal) ? written[ArnPrefix.Length..] : written;
        name = name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? name[Prefix.Length..] : name;
        return ByShortName.Keys.FirstOrDefault(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>By its short name; null for what is no managed policy.</summary>
    public static PolicyDocument? Find(string name) => ByShortName.GetValueOrDefault(name);

    private static PolicyDocument Allowing(ImmutableArray<string> actions) => new([new() { Actions = actions, Resources = ["*"] }]);
}
