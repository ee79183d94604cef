using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr;
using Millpond.Server.Ecr.Protocol;
using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>The page of compatibility says what the code does, of every operation that ECR has.</summary>
public sealed class CompatibilityTests
{
    /// <summary>Set to 1 to write the tables anew into the document.</summary>
    private const string Update = "MILLPOND_UPDATE_DOCS";

    private const string Mark = "<!-- operations -->\n";

    /// <summary>All of ECR's model.</summary>
    private static readonly string[] OfEcr =
    [
        "BatchCheckLayerAvailability", "BatchDeleteImage", "BatchGetImage", "BatchGetRepositoryScanningConfiguration", "CompleteLayerUpload", "CreatePullThroughCacheRule",
        "CreateRepository", "CreateRepositoryCreationTemplate", "DeleteLifecyclePolicy", "DeletePullThroughCacheRule", "DeleteRegistryPolicy", "DeleteRepository",
        "DeleteRepositoryCreationTemplate", "DeleteRepositoryPolicy", "DeleteSigningConfiguration", "DeregisterPullTimeUpdateExclusion", "DescribeImageReplicationStatus",
        "DescribeImageScanFindings", "DescribeImageSigningStatus", "DescribeImages", "DescribePullThroughCacheRules", "DescribeRegistry", "DescribeReplicationBackfillResults",
        "DescribeRepositories", "DescribeRepositoryCreationTemplates", "GetAccountSetting", "GetAuthorizationToken", "GetDownloadUrlForLayer", "GetLifecyclePolicy",
        "GetLifecyclePolicyPreview", "GetRegistryPolicy", "GetRegistryScanningConfiguration", "GetRepositoryPolicy", "GetSigningConfiguration", "InitiateLayerUpload",
        "ListImageReferrers", "ListImages", "ListPullTimeUpdateExclusions", "ListReplicationBackfills", "ListTagsForResource", "PutAccountSetting", "PutImage",
        "PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy", "PutRegistryPolicy", "PutRegistryScanningConfiguration", "PutReplicationConfiguration",
        "PutSigningConfiguration", "RegisterPullTimeUpdateExclusion", "SetRepositoryPolicy", "StartImageScan", "StartLifecyclePolicyPreview", "StartReplicationBackfill",
        "StopReplicationBackfill", "TagResource", "UntagResource", "UpdateImageStorageClass", "UpdatePullThroughCacheRule", "UpdateRepositoryCreationTemplate", "UploadLayerPart",
        "ValidatePullThroughCacheRule",
    ];

    [Fact]
    public async Task The_page_lists_what_every_operation_does()
    {
        using var folder = new TemporaryFolder();
        await using var catalog = CatalogDatabase.Open(folder.Path, TimeProvider.System, NullLogger<CatalogDatabase>.Instance);
        var services = EcrService.All(new(new(), null!, null!, null!, null!, null!, null!, null, null!, null!, null!, null!, null!, null!, catalog, TimeProvider.System));
        var path = Path.Join(SourceTree.Top, "docs", "ecr-compatibility.md");
        var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        var wanted = text[..(text.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length)] + string.Concat(services.Select(Table));
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            await File.WriteAllTextAsync(path, wanted, TestContext.Current.CancellationToken);
        }

        Assert.Equal(wanted, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        Assert.Empty(services.Single(service => service.Name == "ecr").Operations.Select(operation => operation.Name).Except(OfEcr));
    }

    private static string Table(AwsService service)
    {
        var title = service.Name switch { "ecr" => "ECR", "secretsmanager" => "Secrets Manager", _ => "Our own (`millpond access`, `millpond lifecycle`, `millpond pin`)" };
        var text = new StringBuilder($"\n## {title}\n\n| operation | here | note |\n|---|---|---|\n");
        var known = service.Operations.ToDictionary(operation => operation.Name);
        foreach (var name in (service.Name == "ecr" ? OfEcr : known.Keys.AsEnumerable()).Order(StringComparer.Ordinal))
        {
            var (support, note) = known.TryGetValue(name, out var operation) ? (operation.Support.ToString().ToLowerInvariant(), operation.Note) : ("refused", "`UnknownOperationException`");
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"| `{name}` | {support} | {note} |\n");
        }

        return text.ToString();
    }
}
