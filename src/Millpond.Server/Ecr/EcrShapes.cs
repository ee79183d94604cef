using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr;

/// <summary>The shapes of ECR's members, with the limits of its model.</summary>
internal static class EcrShapes
{
    public const string NamePattern = @"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*";
    public const string PrefixPattern = $@"({NamePattern}\/?|ROOT)";

    public static AwsMember RegistryId { get; } = Text(pattern: "[0-9]{12}").As("registryId");

    public static AwsMember RepositoryName { get; } = Text(2, 256, NamePattern).Needed("repositoryName");

    public static AwsMember NextToken { get; } = Text(max: 4096).As("nextToken");

    public static AwsMember MaxResults { get; } = Number(1, 1000).As("maxResults");

    public static AwsShape Tag { get; } = Structure(Text(1, 128).Needed("Key"), Text(0, 256).Needed("Value"));

    public static AwsShape PolicyText { get; } = Text(0, 10240);

    public static AwsShape Mutability { get; } = Choice("MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION");

    public static AwsShape ExclusionFilters { get; } = List(Structure(Choice("WILDCARD").Needed("filterType"), Text(1, 128, "[0-9a-zA-Z._*-]{1,128}").Needed("filter")), 1, 5);

    public static AwsShape Scanning { get; } = Structure(AwsShape.Boolean.As("scanOnPush"));

    public static AwsShape Encryption { get; } = Structure(Choice("AES256", "KMS", "KMS_DSSE").Needed("encryptionType"), Text(1, 2048).As("kmsKey"));

    public static AwsShape ImageIdentifier { get; } = Structure(Text(pattern: "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+").As("imageDigest"), Text(1, 300).As("imageTag"));

    public static AwsShape ImageIds { get; } = List(ImageIdentifier, 1, 100);

    /// <summary>What an input breaks, as ECR says it.</summary>
    public static AwsError Invalid(AwsViolation wrong) =>
        AwsError.InvalidParameter($"Invalid parameter at '{wrong.Path}' failed to satisfy constraint: '{wrong.Constraint}'");
}
